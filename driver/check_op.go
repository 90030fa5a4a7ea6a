package driver

import "context"

// An OpChecker is an FS that refuses some operations by a rule, as [Restrict] and
// [WithoutWrites] do, and can say so beforehand. The server asks for what it tells
// clients of their rights: the fact "perm" of MLSD and MLST (RFC 3659, section
// 7.5.5), and the answer to RNFR.
//
// CheckOp changes nothing and doesn't look whether the name is there. It returns nil,
// or the error that the operation would return. Nil is no promise: the operation may
// involve another name, as a rename does, or the FS may refuse it. CheckOp is called
// several times for each entry of MLSD and must be quick. A wrapper that has Unwrap and
// does operations that the wrapped FS refuses must be an OpChecker itself.
type OpChecker interface {
	CheckOp(ctx context.Context, op Op, name string) error
}

// OpCheckerOf returns the first FS behind fsys that can tell whether an operation would
// be refused, nil if there is none. A caller that asks about many names looks the
// OpChecker up once, and need not build paths if there is none.
func OpCheckerOf(fsys FS) OpChecker {
	c, _ := as[OpChecker](fsys)
	return c
}

// CheckOp asks the OpChecker that [OpCheckerOf] finds. Without one nothing is known,
// and the error is nil.
func CheckOp(ctx context.Context, fsys FS, op Op, name string) error {
	if c := OpCheckerOf(fsys); c != nil {
		return c.CheckOp(ctx, op, name)
	}
	return nil
}

// CheckOp asks allow, and then the wrapped FS.
func (r *restricted) CheckOp(ctx context.Context, op Op, name string) error {
	if err := r.ask(ctx, op, name); err != nil {
		return err
	}
	return CheckOp(ctx, r.fsys, op, name)
}

// CheckOp refuses every operation that would change something.
func (r refusal) CheckOp(ctx context.Context, op Op, name string) error {
	switch op {
	case OpStat, OpList, OpRead, OpSpace:
		return enter(ctx, string(op), name)
	}
	return r.refuse(ctx, string(op), name)
}

// CheckOp asks the wrapped FS, since a quota has no rules about names.
func (l *Limited) CheckOp(ctx context.Context, op Op, name string) error {
	return CheckOp(ctx, l.fsys, op, name)
}

// CheckOp asks the FS that the name belongs to. It refuses to remove, rename or replace
// a mount point or a directory above one.
func (m *MountFS) CheckOp(ctx context.Context, op Op, name string) error {
	if m.isVirtual(name) {
		switch op {
		case OpRemove, OpRemoveDir, OpRename, OpRenameTo, OpReplace:
			return fail(string(op), name, errReadOnly)
		}
	}
	p, inner, ok := m.find(name)
	if !ok {
		return enter(ctx, string(op), name)
	}
	return CheckOp(ctx, p.fsys, op, inner)
}
