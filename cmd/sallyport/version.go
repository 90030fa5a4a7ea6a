package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// printVersion prints what the build has recorded: the module's version if it
// was installed by version, the commit if it was built from a checkout.
func printVersion(stdout io.Writer) error {
	commit := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		commit = commitOf(info.Settings)
	}
	_, err := fmt.Fprintf(stdout, "sallyport %s %s %s/%s%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, commit)
	return err
}

// version returns the module's version, as far as the build has recorded it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "(unknown)"
}

func commitOf(settings []debug.BuildSetting) string {
	var revision, modified string
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = " commit " + s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = " (modified)"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + modified
}
