// Package conf turns TOML into a [pipeline.Plan], and finds all that is wrong with it at once. Each fault
// names its file, its line, its key and, where one is near, the right name.
//
// A file has a table [agent] and lists of plugins: [[inputs.NAME]], [[processors.NAME]],
// [[outputs.NAME]]. A processor at the top serves every input and output; one under an input or an
// output, [[inputs.NAME.processors.NAME]], serves that alone. The order in the file is the order of the
// chain.
//
// Beside the code lie the files that are shipped, so that a test loads each of them.
package conf
