//go:build cgo

package main

const built = "cgo"
