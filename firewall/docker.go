package firewall

import (
	"fmt"
	"strings"
)

// docker writes the docker run command that publishes the ports of a container.
func docker(p *page) {
	p.containerNotes()
	var publish []string
	for _, text := range p.published() {
		publish = append(publish, "-p "+text)
	}
	p.linef("docker run --name %s %s \"${IMAGE:?}\"", p.name(), strings.Join(publish, " "))
}

// compose writes a service of Docker Compose that publishes the ports.
func compose(p *page) {
	p.containerNotes()
	p.linef("services:\n  %s:\n    image: ${IMAGE:?set it to the image}\n    ports:", p.name())
	for _, text := range p.published() {
		// Quotes the ports: YAML reads digits with colons as a number to the base of
		// 60.
		p.linef("      - \"%s\"", text)
	}
}

func (p *page) containerNotes() {
	p.note("The server tells clients the outer number of a data port, so publish each under its own%s. "+
		"Announce the host's address, not the container's.", p.offsetNote())
	p.note("Docker lets these connections past ufw and the INPUT chain; limit who may connect in its DOCKER-USER chain. " +
		"Its userland proxy can hide the client's address from the server, which must see it on control and data alike.")
	p.hostRules()
}

// offsetNote returns the part of a note that tells how the server learns of shifted
// port numbers; empty if none are.
func (p *page) offsetNote() string {
	if p.DataOffset == 0 {
		return ""
	}
	return fmt.Sprintf(" number, or shift them all by what the server knows (passive.Ports.Offset = %d, as here)", p.DataOffset)
}

// published returns the ports as outside:inside, with ranges of equal length on both
// sides.
func (p *page) published() []string {
	var all []string
	for _, service := range p.services() {
		for i, outer := range service.outer {
			all = append(all, fmt.Sprintf("%v:%v", outer, service.inner[i]))
		}
	}
	return all
}
