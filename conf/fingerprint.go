package conf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// fingerprint returns a digest of what the operator wrote, with secrets in their places: equal tables have
// equal fingerprints, and nothing can be read from one. Package fmt prints maps in the order of their keys.
func fingerprint(parts ...any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%#v", parts))
	return hex.EncodeToString(sum[:])
}
