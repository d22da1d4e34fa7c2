//go:build !cgo

package main

const built = "no cgo"
