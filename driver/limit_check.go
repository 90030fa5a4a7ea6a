package driver

import "context"

// CheckStore returns ErrQuota if no byte or no file more may be stored, or the
// error of the wrapped FS. With no byte left it refuses an empty file too,
// since nobody can know that the file will be empty. It does not refuse an
// upload at an offset that shortens the file, nor, where the wrapped FS writes in
// place or doesn't say, one over a file whose bytes make room.
func (l *Limited) CheckStore(ctx context.Context, name string, opts StoreOptions) error {
	if err := enter(ctx, "store", name); err != nil {
		return err
	}
	if err := CheckStore(ctx, l.fsys, name, opts); err != nil {
		return err
	}
	if l.usage != nil && l.elsewhere(l.withoutLinks(ctx, true, []string{name})...) {
		return uploadInProgress("store", name)
	}
	now, _, err := l.sizeOf(ctx, name, false)
	if err != nil {
		return err
	}
	kept := max(opts.Offset, 0)
	if opts.Append {
		kept = now.bytes
	}
	room := int64(0) // that the upload makes
	if !opts.Append && WritesInPlace(l.fsys, name, opts) {
		room = max(now.bytes-kept, 0)
	}
	l.mu.Lock()
	left := l.leftWith(room)
	l.unlock()
	full := left.bytes == 0 || l.quota.FileSize > 0 && kept >= l.quota.FileSize
	shortens := kept > 0 && kept < now.bytes // a restart with nothing to send
	if full && !shortens || left.files < 1-now.files {
		return fail("store", name, ErrQuota)
	}
	return nil
}
