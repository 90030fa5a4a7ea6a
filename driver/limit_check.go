package driver

import "context"

// CheckStore tells that no byte or no file more may be stored, or what the FS
// within would refuse. With no byte left it refuses an empty file too, since
// nobody can know that the file will be empty.
func (l *Limited) CheckStore(ctx context.Context, name string, how How) error {
	if err := enter(ctx, "store", name); err != nil {
		return err
	}
	if err := CheckStore(ctx, l.fsys, name, how); err != nil {
		return err
	}
	now, _, err := l.look(ctx, name, false)
	if err != nil {
		return err
	}
	kept := max(how.Offset, 0)
	if how.Append {
		kept = now.bytes
	}
	l.mu.Lock()
	left := l.left()
	l.mu.Unlock()
	full := l.quota.FileSize > 0 && kept >= l.quota.FileSize
	if full || left.bytes == 0 || left.files < 1-now.files {
		return fail("store", name, ErrQuota)
	}
	return nil
}
