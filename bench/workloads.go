package main

import "slices"

// workloads are all there are, in the order they are run and shown.
func workloads() []workload {
	return slices.Concat(
		bulks(),
		smalls(),
		logins(),
		idles(),
	)
}
