module github.com/sallyport/sallyport/cmd/sallyport

go 1.26.0

require (
	github.com/go-crypt/x v0.4.17
	github.com/pelletier/go-toml/v2 v2.4.3
	github.com/sallyport/sallyport v0.0.0
	github.com/sallyport/sallyport/proxyproto v0.0.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/crypto v0.58.0
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
)

require (
	github.com/pires/go-proxyproto v0.15.0 // indirect
	github.com/spf13/afero v1.15.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/sallyport/sallyport => ../..

replace github.com/sallyport/sallyport/proxyproto => ../../proxyproto
