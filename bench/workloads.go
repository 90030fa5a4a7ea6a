package main

import "slices"

// workloads returns all workloads, in the order in which they are run and shown.
// Listings of a million files come last, since the files stay.
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
