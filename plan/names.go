package plan

import (
	"encoding/binary"
	"math/bits"
)

// names finds properties by name. Its table has one place for each name, found
// by a product that keeps them apart; where no such product was found, byName
// serves.
type names struct {
	table  []*property
	factor uint64
	shift  uint
	byName map[string]*property
}

// tries of factors for one size of the table.
const tries = 32

func newNames(list []*property) names {
	if len(list) == 0 {
		return names{}
	}
	for size := bits.Len(uint(len(list))) + 1; size <= 12; size++ {
		factor := uint64(0x9E3779B97F4A7C15) // 2^64 / golden ratio, odd: it spreads what is near
		for range tries {
			n := names{table: make([]*property, 1<<size), factor: factor, shift: uint(64 - size)}
			if n.fill(list) {
				return n
			}
			factor = factor*6364136223846793005 + 1442695040888963407 | 1
		}
	}
	n := names{byName: map[string]*property{}}
	for _, p := range list {
		n.byName[p.name] = p
	}
	return n
}

func (n *names) fill(list []*property) bool {
	for _, p := range list {
		at := &n.table[n.place([]byte(p.name))]
		if *at != nil {
			return false
		}
		*at = p
	}
	return true
}

// find gives nil for a name that the schema does not mention.
func (n *names) find(name []byte) *property {
	if n.table == nil {
		return n.byName[string(name)]
	}
	if p := n.table[n.place(name)]; p != nil && p.name == string(name) {
		return p
	}
	return nil
}

func (n *names) place(name []byte) uint64 {
	return ends(name) * n.factor >> n.shift
}

// ends makes a number of a name's length, its first eight bytes and its last eight.
func ends(name []byte) uint64 {
	size := len(name)
	var first, last uint64
	switch {
	case size >= 8:
		first, last = binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[size-8:])
	case size >= 4:
		first, last = uint64(binary.LittleEndian.Uint32(name)), uint64(binary.LittleEndian.Uint32(name[size-4:]))<<32
	case size > 0:
		first, last = uint64(name[0]), uint64(name[size/2])<<8|uint64(name[size-1])<<16
	}
	return first ^ bits.RotateLeft64(last, 29) ^ uint64(size)<<56
}
