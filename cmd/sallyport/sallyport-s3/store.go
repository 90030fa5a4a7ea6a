package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/objects"
	"github.com/sallyport/sallyport/driver/s3"
)

// How long a store may take, and how often it is asked.
const (
	dialPatience   = 5 * time.Second
	tlsPatience    = 10 * time.Second
	answerPatience = time.Minute
	tries          = 3
)

// open returns the files of a store. It doesn't reach for the store. dial makes connections.
func open(st *objects.Store, dial func(ctx context.Context, network, addr string) (net.Conn, error)) (*s3.FS, error) {
	transport := &http.Transport{
		DialContext: dial, TLSHandshakeTimeout: tlsPatience, ResponseHeaderTimeout: answerPatience, ExpectContinueTimeout: time.Second,
		MaxIdleConns: 64, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, DisableCompression: true,
	}
	client, err := minio.New(st.Endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(st.AccessKey, st.Secret, ""),
		Region: st.Region, Secure: !st.InsecureHTTP, Transport: transport, MaxRetries: tries,
	})
	if err != nil {
		return nil, err
	}
	return &s3.FS{Client: client, Bucket: st.Bucket, Prefix: st.Prefix, Transport: transport}, nil
}
