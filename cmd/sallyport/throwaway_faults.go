package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/ftpstest"
)

// parseFault calls ftpstest.ParseFault, and removes the name of that package
// from errors.
func parseFault(text string) (ftpstest.Fault, error) {
	f, err := ftpstest.ParseFault(text)
	if err != nil {
		err = errors.New(strings.TrimPrefix(err.Error(), "ftpstest: "))
	}
	return f, err
}

// faultsWidth is the width of the list of faults, in columns.
const faultsWidth = 92

// printFaults describes the values of --fault.
func printFaults(stdout io.Writer) error {
	var b strings.Builder
	b.WriteString("--fault KIND[:NAME=VALUE,...], or the same as a line on standard input. A value with a comma\n" +
		"is in double quotes. Bytes may end in k, M or G. Defaults are in parentheses.\n")
	for _, k := range ftpstest.Kinds() {
		fmt.Fprintf(&b, "\n%s\n", k.Example)
		indent(&b, "  ", "  ", k.Does)
		indent(&b, "  Catches: ", "  ", k.Catches)
		for _, p := range k.Params {
			means := p.Means
			if p.Default != "" {
				means += " (" + p.Default + ")"
			}
			indent(&b, fmt.Sprintf("    %-6s ", p.Name), strings.Repeat(" ", 11), means)
		}
	}
	_, err := io.WriteString(stdout, b.String())
	return err
}

// indent writes text in lines that begin with first, or from the second on
// with rest.
func indent(b *strings.Builder, first, rest, text string) {
	line := first
	for i, word := range strings.Fields(text) {
		if i > 0 {
			if len(line)+1+len(word) > faultsWidth {
				b.WriteString(line + "\n")
				line = rest
			} else {
				line += " "
			}
		}
		line += word
	}
	b.WriteString(line + "\n")
}
