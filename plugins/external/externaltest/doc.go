// Package externaltest checks that a program keeps the plugin protocol and that its plugins keep the
// contract of package sdk. It is what `gpuline plugins test` runs, for programs in whatever language, and
// what the test of a plugin calls:
//
//	func TestProgram(t *testing.T) {
//		externaltest.Test(t, externaltest.Program{Path: build(t)})
//	}
package externaltest
