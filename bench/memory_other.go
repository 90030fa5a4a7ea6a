//go:build !linux

package main

import "errors"

func memoryDir() (dir string, remove func(), err error) {
	return "", nil, errors.New("this needs Linux")
}
