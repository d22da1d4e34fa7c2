package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// SHA256 returns the digest of a file, in hexadecimal: what the key sha256 takes.
func SHA256(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", path)
	}
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// verify reports why the program at path must not be run: somebody other than root and the agent's user
// could have changed it, or it is not the one that was pinned. Without that check a checksum would be worth
// little, since a file can be replaced between the check and the start.
func verify(path, pin string) error {
	if !filepath.IsAbs(path) {
		return permanent("%s is not an absolute path", path)
	}
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no program at %s", path)
	}
	if err != nil {
		return fmt.Errorf("find %s: %w", path, err)
	}
	info, err := os.Stat(target)
	switch {
	case err != nil:
		return fmt.Errorf("find %s: %w", path, err)
	case !info.Mode().IsRegular():
		return permanent("%s is not a file", path)
	case info.Mode().Perm()&0o111 == 0:
		return permanent("%s is not executable: chmod +x %s", path, path)
	}
	// Both ways to the file count: that of the name, and that of what symbolic links lead to.
	for _, start := range []string{path, target} {
		for at := start; ; at = filepath.Dir(at) {
			if err := verifyOwner(at); err != nil {
				return err
			}
			if at == filepath.Dir(at) {
				break
			}
		}
	}
	if pin == "" {
		return nil
	}
	sum, err := SHA256(target)
	if err != nil {
		return permanent("the checksum of the program cannot be had: %w", err)
	}
	if !strings.EqualFold(sum, pin) {
		return permanent("the checksum of %s is %s, not the one that `sha256` pins: if it is meant to be another program now, pin that", path, sum)
	}
	return nil
}
