// Package strict reads TOML files into a struct and reports everything that is wrong with them at once, each problem
// with its file, line and column.
//
// A field has the name of its toml tag; a field without one is not read. Fields are strings, booleans, whole numbers,
// durations in the form of Go ("30s"), values with UnmarshalText (texts, dates and times), lists of all these, structs
// (tables), maps from names to structs (a table of tables) and lists of structs (arrays of tables). A [Table] names its
// fields itself. A field that a file doesn't name keeps its value.
//
// Several files are read in order. A later file replaces single values and lists, and adds to tables, maps and arrays
// of tables.
package strict
