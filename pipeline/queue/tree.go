package queue

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
)

// tree walks the pages of a bbolt file that nobody has open. The library trusts what it maps: over a
// damaged page it panics on a goroutine of its own, or follows a cycle until the stack ends, and over a
// file cut short it gets a signal. So a segment is walked before each time that the library opens it. The
// format is that of bbolt's internal/common; numbers are little-endian on every platform that gpuline is
// built for.
type tree struct {
	file     io.ReaderAt
	pageSize int64
	pages    uint64 // in use by the transaction
	seen     map[uint64]bool
	depth    int
	buffers  [][]byte // a page for each depth
	visit    func(key, value []byte) error
}

type leafFunc func(flags uint32, key, value []byte) error

const (
	pageHead      = 16 // id uint64, flags uint16, count uint16, overflow uint32
	elementSize   = 16 // branch: pos, ksize uint32, page uint64; leaf: flags, pos, ksize, vsize uint32
	bucketHead    = 16 // root page uint64, sequence uint64
	metaSize      = 64
	metaMagic     = 0xED0CDAED
	metaVersion   = 2
	branchPage    = 1
	leafPage      = 2
	freePage      = 16
	bucketElement = 1
	maxDepth      = 32
)

// walkTree calls visit for each batch of a segment, in order. What it passes is valid until visit returns.
// Its errors wrap errDamaged, or are those of visit and of reading.
func walkTree(file io.ReaderAt, size int64, visit func(key, value []byte) error) error {
	t := &tree{file: file, seen: make(map[uint64]bool), visit: visit}
	root, free, err := t.readMeta(size)
	if err != nil {
		return err
	}
	if err := t.walk(root, nil, nil, t.bucket); err != nil {
		return err
	}
	return t.freeList(free)
}

func damage(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errDamaged}, args...)...)
}

// readMeta finds the last transaction. Both meta pages are valid in every file that the library wrote,
// whenever its process ended; where one is not, what the last transaction wrote may be missing.
func (t *tree) readMeta(size int64) (root, free uint64, err error) {
	var head [pageHead + metaSize]byte
	read := func(at int64) (meta []byte, err error) {
		if _, err := t.file.ReadAt(head[:], at); err == io.EOF {
			return nil, damage("the file ends at %d bytes", size)
		} else if err != nil {
			return nil, err
		}
		meta = head[pageHead:]
		sum := fnv.New64a()
		_, _ = sum.Write(meta[:56])
		if binary.LittleEndian.Uint32(meta) != metaMagic || binary.LittleEndian.Uint32(meta[4:]) != metaVersion ||
			binary.LittleEndian.Uint64(meta[56:]) != sum.Sum64() {
			return nil, damage("the meta page at %d is invalid", at)
		}
		return meta, nil
	}
	var last uint64
	for page := range int64(2) {
		meta, err := read(page * t.pageSize)
		if err != nil {
			return 0, 0, err
		}
		t.pageSize = int64(binary.LittleEndian.Uint32(meta[8:]))
		if id := binary.LittleEndian.Uint64(head[:]); id != uint64(page) || t.pageSize < 1024 || t.pageSize > 1<<16 {
			return 0, 0, damage("the meta page %d is invalid", page)
		}
		if txid := binary.LittleEndian.Uint64(meta[48:]); page == 0 || txid > last {
			last, root = txid, binary.LittleEndian.Uint64(meta[16:])
			free, t.pages = binary.LittleEndian.Uint64(meta[32:]), binary.LittleEndian.Uint64(meta[40:])
		}
	}
	if t.pages > uint64(size/t.pageSize) {
		return 0, 0, damage("the file ends at %d bytes, %d pages are in use", size, t.pages)
	}
	return root, free, nil
}

// walk checks a page and all below it. All keys are at least low and, where high is not nil, below high.
func (t *tree) walk(id uint64, low, high []byte, leaf leafFunc) error {
	page, err := t.page(id)
	if err != nil {
		return err
	}
	t.depth++
	defer func() { t.depth-- }()
	return t.elements(page, low, high, leaf)
}

// page reads a page that is used once.
func (t *tree) page(id uint64) ([]byte, error) {
	if t.depth > maxDepth || id < 2 || id >= t.pages {
		return nil, damage("a page points at page %d", id)
	}
	head, err := t.read(id, pageHead)
	if err != nil {
		return nil, err
	}
	n := uint64(binary.LittleEndian.Uint32(head[12:])) + 1
	if binary.LittleEndian.Uint64(head) != id || n > t.pages-id {
		return nil, damage("page %d is none", id)
	}
	for i := id; i < id+n; i++ {
		if t.seen[i] {
			return nil, damage("page %d is used twice", i)
		}
		t.seen[i] = true
	}
	return t.read(id, int64(n)*t.pageSize)
}

// freeList checks the list of free pages, which are in order and not in use.
func (t *tree) freeList(id uint64) error {
	page, err := t.page(id)
	if err != nil {
		return err
	}
	count, list := uint64(binary.LittleEndian.Uint16(page[10:])), page[pageHead:]
	if count == 0xFFFF {
		count, list = binary.LittleEndian.Uint64(list), list[8:]
	}
	if binary.LittleEndian.Uint16(page[8:]) != freePage || count > uint64(len(list)/8) {
		return damage("a list of %d free pages", count)
	}
	before := uint64(1)
	for ; count > 0; count, list = count-1, list[8:] {
		free := binary.LittleEndian.Uint64(list)
		if free <= before || free >= t.pages || t.seen[free] {
			return damage("page %d is not free", free)
		}
		before = free
	}
	return nil
}

// read returns bytes from the start of a page, valid until the next page of the same depth.
func (t *tree) read(id uint64, n int64) ([]byte, error) {
	if t.depth == len(t.buffers) {
		t.buffers = append(t.buffers, nil)
	}
	b := slices.Grow(t.buffers[t.depth][:0], int(n))[:n]
	t.buffers[t.depth] = b
	_, err := t.file.ReadAt(b, int64(id)*t.pageSize)
	if err == io.EOF {
		return nil, damage("the file ends within page %d", id)
	}
	return b, err
}

// elements checks the elements of a page, and what they hold or point at.
func (t *tree) elements(page, low, high []byte, leaf leafFunc) error {
	flags, count := binary.LittleEndian.Uint16(page[8:]), int(binary.LittleEndian.Uint16(page[10:]))
	if flags != branchPage && flags != leafPage || flags == branchPage && count == 0 {
		return damage("a page of type %d with %d elements", flags, count)
	}
	end := pageHead + count*elementSize // of the data before
	if end > len(page) {
		return damage("a page of %d elements", count)
	}
	var children []element
	before := low
	for i := range count {
		e, ok := elementAt(page, i, end, flags)
		if !ok {
			return damage("element %d of a page", i)
		}
		if c := bytes.Compare(e.key, before); c < 0 || c == 0 && i > 0 || high != nil && bytes.Compare(e.key, high) >= 0 {
			return damage("keys are out of order")
		}
		before = e.key
		end += len(e.key) + len(e.value)
		if flags == branchPage {
			children = append(children, e)
		} else if err := leaf(e.flags, e.key, e.value); err != nil {
			return err
		}
	}
	for i, c := range children {
		from, to := c.key, high
		if i == 0 {
			from = low
		}
		if i+1 < len(children) {
			to = children[i+1].key
		}
		if err := t.walk(c.page, from, to, leaf); err != nil {
			return err
		}
	}
	return nil
}

// element is what a page has under a key: a leaf flags and a value, a branch the page below.
type element struct {
	key, value []byte
	flags      uint32
	page       uint64
}

// elementAt reads element i of a page, whose key and value must stand at end: bbolt packs them without gaps.
func elementAt(page []byte, i, end int, flags uint16) (e element, ok bool) {
	at := pageHead + i*elementSize
	head := page[at : at+elementSize]
	vsize := 0
	if flags == leafPage {
		e.flags, vsize = binary.LittleEndian.Uint32(head), int(binary.LittleEndian.Uint32(head[12:]))
		head = head[4:]
	} else {
		e.page = binary.LittleEndian.Uint64(head[8:])
	}
	pos, ksize := int(binary.LittleEndian.Uint32(head)), int(binary.LittleEndian.Uint32(head[4:]))
	if at+pos != end || ksize == 0 || ksize > len(page)-end || vsize > len(page)-end-ksize {
		return e, false
	}
	e.key, e.value = page[end:end+ksize], page[end+ksize:end+ksize+vsize]
	return e, true
}

// bucket goes down into the one bucket of a segment.
func (t *tree) bucket(flags uint32, key, value []byte) error {
	if flags != bucketElement || !bytes.Equal(key, bucketName) || len(value) < bucketHead {
		return damage("an unknown bucket")
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		return t.walk(root, nil, nil, t.batch)
	}
	if len(value) < bucketHead+pageHead || binary.LittleEndian.Uint16(value[bucketHead+8:]) != leafPage {
		return damage("an inline bucket")
	}
	return t.elements(value[bucketHead:], nil, nil, t.batch)
}

func (t *tree) batch(flags uint32, key, value []byte) error {
	if flags != 0 || len(key) != 8 {
		return damage("an unknown key")
	}
	return t.visit(key, value)
}
