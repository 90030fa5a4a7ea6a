package joined

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestErrors(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	assert.Empty(t, Errors(nil))
	assert.Equal(t, []error{a}, Errors(a))
	both := fmt.Errorf("%w, as %w", a, b)
	assert.Equal(t, []error{both}, Errors(both))
	assert.Equal(t, []error{a, b, c}, Errors(errors.Join(a, errors.Join(b, nil, c))))
}
