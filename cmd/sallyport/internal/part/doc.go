// Package part starts this program again as a part of a split server, and holds what each part has to do first.
package part
