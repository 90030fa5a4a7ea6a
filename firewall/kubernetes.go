package firewall

// entryLimit bounds how many ports are listed one by one if a kind of firewall has no ranges.
const entryLimit = 1000

// limitEntries refuses lists that are longer than anybody would read, or a load balancer or router
// accept.
func (p *page) limitEntries(count int) bool {
	if count > entryLimit {
		p.err = wrong("Data", "%d ports need %d entries; name fewer data ports, ten are plenty", count, count)
	}
	return count <= entryLimit
}

func count(ranges []Range) int {
	n := 0
	for _, r := range ranges {
		n += r.size()
	}
	return n
}

// kubernetes writes a Service, which has no ranges of ports. The traffic policy Local keeps the
// client's address.
func kubernetes(p *page) {
	for _, service := range p.services() {
		if !p.limitEntries(count(service.outer)) {
			return
		}
	}
	p.note("One pod only: control and data must reach the same one, which no affinity of Services promises. " +
		"Announce the load balancer's address. Many load balancers limit the number of ports; ten data ports are plenty.")
	p.hostRules()
	p.linef("apiVersion: v1\nkind: Service\nmetadata:\n  name: %s\nspec:\n  type: LoadBalancer", p.name())
	p.linef("  # The server must see the client's address, the same on control and data.\n  externalTrafficPolicy: Local")
	p.kubernetesFamilies()
	p.linef("  selector:\n    app: %s\n  ports:", p.name())
	for _, service := range p.services() {
		for i, outer := range service.outer {
			for n := range outer.size() {
				port := outer.First + uint16(n)
				p.linef("    - name: %s-%d\n      protocol: TCP\n      port: %d\n      targetPort: %d",
					kubernetesName(service.purpose), port, port, service.inner[i].First+uint16(n))
			}
		}
	}
}

// kubernetesFamilies writes which families the Service has, and who may connect.
func (p *page) kubernetesFamilies() {
	families := p.families()
	if len(families) == 2 {
		p.linef("  ipFamilyPolicy: PreferDualStack")
	} else {
		p.linef("  ipFamilyPolicy: SingleStack\n  ipFamilies:\n    - %s", familyName(families[0].v6))
	}
	var clients []string
	limited := false
	for _, f := range families {
		r := rule{Flow: Flow{IPv6: f.v6}}
		limited = limited || len(f.clients) > 0
		for _, n := range r.network(f.clients) {
			clients = append(clients, n.String())
		}
	}
	if limited {
		p.linef("  loadBalancerSourceRanges:")
		for _, n := range clients {
			p.linef("    - \"%s\"", n)
		}
	}
}

// kubernetesName returns a name that, with a port number behind it, fits the 15 characters of a port
// name (RFC 6335, section 5.1).
func kubernetesName(p Purpose) string {
	return map[Purpose]string{ControlExplicit: "explicit", ControlImplicit: "implicit", Data: "data"}[p]
}
