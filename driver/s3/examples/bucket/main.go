// Bucket serves a bucket of S3, or of a store that speaks its protocol. The keys
// of the store are in the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/s3"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func main() {
	listen := flag.String("listen", ":2121", "where clients send AUTH TLS")
	set := flag.String("passive", "21000-21010", "the data ports")
	endpoint := flag.String("endpoint", "s3.eu-central-1.amazonaws.com", "the store")
	region := flag.String("region", "eu-central-1", "the region of the bucket")
	bucket := flag.String("bucket", "exchange", "the bucket, which must exist")
	prefix := flag.String("prefix", "", "what is served of it, such as vendors/acme; all if empty")
	plain := flag.Bool("insecure-http", false, "reach the store without TLS, on a trusted network only")
	flag.Parse()

	client, err := minio.New(*endpoint, &minio.Options{
		Creds:  credentials.NewEnvAWS(),
		Region: *region,
		Secure: !*plain,
	})
	if err != nil {
		log.Fatal(err)
	}
	files := &s3.FS{Client: client, Bucket: *bucket, Prefix: *prefix}
	if err := files.Check(context.Background()); err != nil {
		log.Fatal(err)
	}
	ports, err := passive.Range(*set)
	if err != nil {
		log.Fatal(err)
	}
	cert, err := tls.SelfSigned("localhost", "127.0.0.1")
	if err != nil {
		log.Fatal(err)
	}
	srv := &server.Server{
		Driver:  driver.User("alice", "wonderland", files),
		TLS:     cert,
		Passive: ports,
	}
	log.Fatal(srv.ListenAndServe(*listen))
}
