// Package release holds the test that what .ci/release tags can be installed and
// embedded.
package release
