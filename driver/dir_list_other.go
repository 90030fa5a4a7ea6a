//go:build !linux || (!amd64 && !arm64 && !riscv64)

package driver

import (
	"context"
	"io/fs"
	"iter"
)

func (d *Dir) scan(ctx context.Context, name string, _ bool) iter.Seq2[fs.FileInfo, error] {
	return d.List(ctx, name)
}
