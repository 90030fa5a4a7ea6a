package probe_test

import (
	"context"
	"fmt"
	"os"

	"github.com/sallyport/sallyport/probe"
)

func Example() {
	report := (&probe.Probe{
		Host:     "ftp.example.com",
		User:     "alice",
		Password: os.Getenv("FTP_PASSWORD"),
	}).Run(context.Background())
	fmt.Print(report) // ends with the ports to request from the firewall team
	if !report.OK {
		os.Exit(1)
	}
}

func ExampleTheme() {
	colours := map[string]string{"fail": "31", "warn": "33", "ok": "32", "title": "1", "dim": "2"}
	var theme probe.Theme = func(style, text string) string {
		if colours[style] == "" {
			return text
		}
		return "\x1b[" + colours[style] + "m" + text + "\x1b[0m"
	}
	report := (&probe.Probe{}).Run(context.Background())
	_ = report.WriteText(os.Stderr, theme)
}
