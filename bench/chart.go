package main

// chart draws the main costs.
func (rep *report) chart() []byte { return nil }
