// Balanced is one of several servers behind one address. Each owns a slice of the
// data ports, to which HAProxy sends them; see haproxy.cfg. They share a bucket and
// a certificate, and nothing else.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"net/netip"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/s3"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/proxyproto"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func main() {
	listen := flag.String("listen", ":21", "where HAProxy brings clients that send AUTH TLS")
	set := flag.String("passive", "21000-21019", "the data ports of all instances")
	instance := flag.Int("instance", 0, "which instance this is, from 0")
	instances := flag.Int("instances", 2, "how many there are")
	balancer := flag.String("balancer", "10.0.0.2/32", "HAProxy's address, as it is seen here")
	certFile := flag.String("cert", "cert.pem", "the certificate of them all")
	keyFile := flag.String("key", "key.pem", "its key")
	endpoint := flag.String("endpoint", "s3.eu-central-1.amazonaws.com", "the store")
	region := flag.String("region", "eu-central-1", "the region of the bucket")
	bucket := flag.String("bucket", "exchange", "the bucket of them all")
	plain := flag.Bool("insecure-http", false, "reach the store without TLS, on a trusted network only")
	flag.Parse()

	client, err := minio.New(*endpoint, &minio.Options{Creds: credentials.NewEnvAWS(), Region: *region, Secure: !*plain})
	check(err)
	files := &s3.FS{Client: client, Bucket: *bucket}
	check(files.Check(context.Background()))
	cert, err := tls.Load(*certFile, *keyFile)
	check(err)

	trusted, err := netip.ParsePrefix(*balancer)
	check(err)
	balancers := &proxyproto.Protocol{Trusted: []netip.Prefix{trusted}}
	all, err := passive.Range(*set)
	check(err)
	all.Listen = balancers.ListenData
	mine, err := all.Slice(*instance, *instances)
	check(err)

	srv := &server.Server{Driver: driver.User("alice", "wonderland", files), TLS: cert, Passive: mine}
	ln, err := net.Listen("tcp", *listen)
	check(err)
	log.Printf("instance %d of %d, data ports %s", *instance, *instances, mine)
	log.Fatal(srv.Serve(balancers.Wrap(ln)))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
