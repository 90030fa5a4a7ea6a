package driver

import "context"

// An OpChecker is an FS that refuses some operations by a rule, as [Restrict] and
// [WithoutWrites] do, and can say so beforehand. The server asks for what it tells
// clients of their rights: the fact "perm" of MLSD and MLST (RFC 3659, section
// 7.5.5), and the answer to RNFR.
//
// CheckOp changes nothing and doesn't look whether the name is there. It returns
// nil, or the error that the operation would return. Nil is no promise: other names
// may have a part in it, or the files may refuse. CheckOp is called several times
// for each entry of MLSD and must be quick. A wrapper that has Unwrap and does what
// the FS within refuses must be an OpChecker itself.
type OpChecker interface {
	CheckOp(ctx context.Context, op Op, name string) error
}

// OpCheckerOf returns the first FS behind fsys that can tell whether an operation would
// be refused, nil if there is none. Whoever asks about many names finds it once and
// makes no path where nobody can be asked.
func OpCheckerOf(fsys FS) OpChecker {
	c, _ := as[OpChecker](fsys)
	return c
}

// CheckOp asks what [OpCheckerOf] finds. If that is nil nothing is known, and the error
// is nil.
func CheckOp(ctx context.Context, fsys FS, op Op, name string) error {
	if c := OpCheckerOf(fsys); c != nil {
		return c.CheckOp(ctx, op, name)
	}
	return nil
}

// CheckOp asks allow, and then the FS within.
func (r *restricted) CheckOp(ctx context.Context, op Op, name string) error {
	if err := r.ask(ctx, op, name); err != nil {
		return err
	}
	return CheckOp(ctx, r.fsys, op, name)
}

// CheckOp refuses whatever would change something.
func (r refusal) CheckOp(ctx context.Context, op Op, name string) error {
	switch op {
	case OpStat, OpList, OpRead, OpSpace:
		return enter(ctx, string(op), name)
	}
	return r.refuse(ctx, string(op), name)
}

// CheckOp asks the FS within: a limit is no rule about names.
func (l *Limited) CheckOp(ctx context.Context, op Op, name string) error {
	return CheckOp(ctx, l.fsys, op, name)
}

// CheckOp asks the FS that the name belongs to. The root of that stays where it is
// mounted, and so do the directories above.
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
