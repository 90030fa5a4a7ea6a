package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChart(t *testing.T) {
	golden(t, "chart.svg", string(sampleReport(t).chart()))
}

// TestChartIsXML checks that a chart is XML, even if numbers are missing or
// names hold special characters.
func TestChartIsXML(t *testing.T) {
	for _, rep := range []*report{
		{},
		{Servers: []version{{Name: "<&>", Version: "\"1\""}}},
		{Servers: []version{{Name: "a"}}, Outcomes: []outcome{{Workload: "login"}, {Workload: "idle", Rows: []row{{Server: "a"}}}}},
		sampleReport(t),
	} {
		d := xml.NewDecoder(strings.NewReader(string(rep.chart())))
		var err error
		for err == nil {
			_, err = d.Token()
		}
		require.True(t, errors.Is(err, io.EOF), err)
	}
}
