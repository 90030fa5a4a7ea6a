package driver

// RawNames is so where the system takes any bytes as names.
func (d *Dir) RawNames(string) bool { return rawNames }

// RawNames is always so.
func (m *MemFS) RawNames(string) bool { return true }

// RawNames is that of the FS within.
func (l *Limited) RawNames(name string) bool { return RawNames(l.fsys, name) }

func (w *noWrite) RawNames(name string) bool { return RawNames(w.fsys, name) }

// RawNames is that of the FS that the name belongs to.
func (m *MountFS) RawNames(name string) bool {
	if !ValidName(name) {
		return false
	}
	p, inner, ok := m.find(name)
	return ok && RawNames(p.fsys, inner)
}
