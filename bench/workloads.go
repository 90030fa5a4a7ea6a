package main

import "slices"

// workloads returns all there are, in the order they are run and shown. A million
// files come last: they stay where they are.
func workloads() []workload {
	return slices.Concat(
		limits(),
		bulks(),
		smalls(),
		logins(),
		idles(),
		users(),
		pressures(),
		squats(),
		thieves(),
		stalls(),
		lists(),
	)
}
