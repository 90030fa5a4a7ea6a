package main

import (
	"encoding/json"
	"net/netip"

	"github.com/sallyport/sallyport/firewall"
)

// The values that --json prints. Names of fields never change.
type (
	jsonRules struct {
		Side          firewall.Side `json:"side"`
		Flows         []jsonFlow    `json:"flows"`
		ReturnTraffic string        `json:"returnTraffic"`
		NotNeeded     []jsonWhy     `json:"notNeeded"`
		Warnings      []string      `json:"warnings,omitempty"`
	}
	jsonFlow struct {
		Direction firewall.Direction `json:"direction"`
		Purpose   firewall.Purpose   `json:"purpose"`
		Protocol  string             `json:"protocol"`
		Family    string             `json:"family"`
		From      []netip.Prefix     `json:"from"` // empty is anyone
		FromPorts []jsonRange        `json:"fromPorts,omitempty"`
		To        []netip.Prefix     `json:"to"` // empty is any address
		Ports     []jsonRange        `json:"ports"`
		NAT       *jsonNAT           `json:"nat,omitempty"`
		Text      string             `json:"text"`
	}
	jsonRange struct {
		First uint16 `json:"first"`
		Last  uint16 `json:"last"`
	}
	jsonNAT struct {
		To         string      `json:"to,omitempty"`
		Ports      []jsonRange `json:"ports,omitempty"`
		From       string      `json:"from,omitempty"`
		Masquerade bool        `json:"masquerade,omitempty"`
	}
	jsonWhy struct {
		What string `json:"what"`
		Why  string `json:"why"`
	}
)

func asJSON(setup firewall.Setup, side firewall.Side) (string, error) {
	flows, err := setup.Flows(side)
	if err != nil {
		return "", err
	}
	out := jsonRules{Side: side, ReturnTraffic: firewall.ReturnTraffic, Warnings: setup.Warnings(side)}
	for _, f := range flows {
		out.Flows = append(out.Flows, flowJSON(f))
	}
	for _, e := range setup.NotNeeded() {
		out.NotNeeded = append(out.NotNeeded, jsonWhy(e))
	}
	text, err := json.MarshalIndent(out, "", "  ")
	return string(text) + "\n", err
}

func flowJSON(f firewall.Flow) jsonFlow {
	j := jsonFlow{
		Direction: f.Direction, Purpose: f.Purpose, Protocol: "tcp", Family: "ipv4", Text: f.String(),
		From: append([]netip.Prefix{}, f.From...), To: append([]netip.Prefix{}, f.To...),
		FromPorts: rangesJSON(f.FromPorts), Ports: rangesJSON(f.Ports),
	}
	if f.IPv6 {
		j.Family = "ipv6"
	}
	if n := f.NAT; n != nil {
		j.NAT = &jsonNAT{Ports: rangesJSON(n.Ports), Masquerade: n.Masquerade}
		if n.To.IsValid() {
			j.NAT.To = n.To.String()
		}
		if n.From.IsValid() {
			j.NAT.From = n.From.String()
		}
	}
	return j
}

func rangesJSON(ranges []firewall.Range) (all []jsonRange) {
	for _, r := range ranges {
		all = append(all, jsonRange(r))
	}
	return all
}
