package main

const limitArg = "limit-server"

func runLimit() {}

func limitContender() contender { return contender{name: "crypto/tls alone"} }
