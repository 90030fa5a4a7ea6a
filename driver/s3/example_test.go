package s3_test

import (
	"context"
	"log"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/s3"
	"github.com/sallyport/sallyport/server"
)

func ExampleFS() {
	client, err := minio.New("s3.eu-central-1.amazonaws.com", &minio.Options{
		Creds:  credentials.NewEnvAWS(), // or of the instance's role, of a file, ...
		Region: "eu-central-1",
		Secure: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	files := &s3.FS{Client: client, Bucket: "exchange"}
	if err := files.Check(context.Background()); err != nil {
		log.Fatal(err) // better now than at the first login
	}
	srv := &server.Server{Driver: driver.User("alice", "correct horse", files)}
	_ = srv
}

// Every user has a part of the bucket.
func ExampleFS_users() {
	var client *minio.Client
	home := func(_ context.Context, l *driver.Login) (driver.FS, error) {
		return &s3.FS{Client: client, Bucket: "exchange", Prefix: "vendors/" + l.User}, nil
	}
	users := driver.Users{
		"acme":   {Hash: "$2a$10$lpw5MS2Y/sSpIlLkm8WesOzzbi4IUskKJkKM0Hv3ZpuM7WOtOcdUe", Home: home},
		"globex": {Hash: "$2a$10$5mB5bPfc7SETc5wsHMl10ORn2i0AtvxOp.th3viOxbU7s8y0BYWsS", Home: home},
	}
	_ = &server.Server{Driver: users}
}
