package main

import "time"

// dataConns say how data connections come about.
type dataConns struct {
	AcceptTimeout  time.Duration // in passive mode
	ConnectTimeout time.Duration // in active mode
	AnyPeer        bool          // passive mode takes connections from any address
	Anywhere       bool          // active mode connects to any address
}

var defaultDataConns = dataConns{AcceptTimeout: 30 * time.Second, ConnectTimeout: 30 * time.Second}
