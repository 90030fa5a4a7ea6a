// Package deps holds the test of what an embedder has to download.
package deps
