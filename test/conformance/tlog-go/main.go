// Verifies a log in C2SP tile layout with golang.org/x/mod/sumdb (tlog, note) and the standard library: nothing of the
// project's own. Usage:
//
//	verify FOLDER LOGKEY QUORUM COSIGNERKEY...
//	verify continues FOLDER NOTE QUORUM COSIGNERKEY...
//
// The second proves by the tiles of the folder that its checkpoint continues an older one, which is judged by the
// cosigners of its own time.
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

func fail(format string, args ...interface{}) {
	fmt.Printf(format+"\n", args...)
	os.Exit(1)
}

func must(err error, what string) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

// A cosigner's key of type 4: x/mod knows type 1 alone, so the signature is checked here as tlog-cosignature says.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(sig)
	signed := append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", time)), msg...)
	return ed25519.Verify(c.key, signed, sig[8:])
}

func cosignerOf(vkey string) cosigner {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		fail("no key: %s", vkey)
	}
	hash, err := strconv.ParseUint(parts[1], 16, 32)
	must(err, "key id")
	key, err := base64.StdEncoding.DecodeString(parts[2])
	must(err, "key")
	if len(key) != 33 || key[0] != 4 {
		fail("a cosigner's key of another type: %s", vkey)
	}
	return cosigner{parts[0], uint32(hash), ed25519.PublicKey(key[1:])}
}

// x/mod writes the height of tiles into their paths; C2SP fixes it at 8 and leaves it out.
func pathOf(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
}

type tiles struct{ folder string }

func (t tiles) Height() int { return tileHeight }
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range wanted {
		read, err := os.ReadFile(filepath.Join(t.folder, pathOf(tile)))
		if err != nil {
			return nil, err
		}
		data = append(data, read)
	}
	return data, nil
}
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(s)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		hashes[i] = s[index]
	}
	return hashes, nil
}

func entriesOf(folder string, size int64) [][]byte {
	var entries [][]byte
	for first := int64(0); first < size; first += 256 {
		width := 256
		if size-first < 256 {
			width = int(size - first)
		}
		tile := tlog.Tile{H: tileHeight, L: 0, N: first / 256, W: width}
		path := strings.Replace(pathOf(tile), "tile/0/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(folder, path))
		must(err, "bundle")
		for len(data) > 0 {
			length := int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:2+length])
			data = data[2+length:]
		}
	}
	if int64(len(entries)) != size {
		fail("%d entries in a log of %d", len(entries), size)
	}
	return entries
}

// Opens a note under a quorum of cosigners; logKey "-": under cosignatures alone.
func openNote(path, logKey string, quorum int, keys []string) (size int64, root tlog.Hash, cosigned int) {
	var verifiers []note.Verifier
	logName := ""
	if logKey != "-" {
		logVerifier, err := note.NewVerifier(logKey)
		must(err, "log key")
		verifiers = append(verifiers, logVerifier)
		logName = logVerifier.Name()
	}
	for _, key := range keys {
		verifiers = append(verifiers, cosignerOf(key))
	}
	data, err := os.ReadFile(path)
	must(err, "checkpoint")
	opened, err := note.Open(data, note.VerifierList(verifiers...))
	must(err, "note")
	signedByLog := false
	for _, sig := range opened.Sigs {
		if sig.Name == logName {
			signedByLog = true
		} else {
			cosigned++
		}
	}
	if (logName != "" && !signedByLog) || cosigned < quorum {
		fail("signed by the log: %v; cosigned by %d of %d", signedByLog, cosigned, quorum)
	}
	size, root = headOf(opened.Text, logName)
	return size, root, cosigned
}

func headOf(text, logName string) (int64, tlog.Hash) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || (logName != "" && lines[0] != logName) {
		fail("a checkpoint of another form: %q", text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err, "size")
	root, err := tlog.ParseHash(lines[2])
	must(err, "root")
	return size, root
}

func main() {
	if os.Args[1] == "continues" {
		folder, path := os.Args[2], os.Args[3]
		quorum, err := strconv.Atoi(os.Args[4])
		must(err, "quorum")
		older, before, cosigned := openNote(path, "-", quorum, os.Args[5:])
		data, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
		must(err, "checkpoint")
		text, _, _ := strings.Cut(string(data), "\n\n")
		size, root := headOf(text+"\n", "")
		proof, err := tlog.ProveTree(size, older, tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, tiles{folder}))
		must(err, "tree proof")
		must(tlog.CheckTree(proof, size, root, older, before), "consistency")
		fmt.Printf("OK %d entries continue %d, %d cosignatures\n", size, older, cosigned)
		return
	}
	folder := os.Args[1]
	quorum, err := strconv.Atoi(os.Args[3])
	must(err, "quorum")
	size, root, cosigned := openNote(filepath.Join(folder, "checkpoint"), os.Args[2], quorum, os.Args[4:])
	check(folder, size, root)
	fmt.Printf("OK %d entries, %d cosignatures\n", size, cosigned)
}

func check(folder string, size int64, root tlog.Hash) {
	entries := entriesOf(folder, size)
	var hashes stored
	for i, entry := range entries {
		more, err := tlog.StoredHashes(int64(i), entry, hashes)
		must(err, "stored hashes")
		hashes = append(hashes, more...)
	}
	computed, err := tlog.TreeHash(size, hashes)
	must(err, "tree hash")
	if computed != root {
		fail("the entries give the root %v, the checkpoint says %v", computed, root)
	}
	for level := 0; level < 6; level++ {
		checkLevel(folder, size, level, hashes)
	}
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, tiles{folder})
	for _, index := range []int64{0, 1, 100, 254, 255, 256, 257, size / 2, size - 2, size - 1} {
		if index < 0 || index >= size {
			continue
		}
		proof, err := tlog.ProveRecord(size, index, reader)
		must(err, "proof")
		must(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(entries[index])), "record")
	}
	for _, older := range []int64{1, 2, 255, 256, size / 3, size - 1} {
		if older < 1 || older >= size {
			continue
		}
		before, err := tlog.TreeHash(older, hashes)
		must(err, "older tree")
		proof, err := tlog.ProveTree(size, older, reader)
		must(err, "tree proof")
		must(tlog.CheckTree(proof, size, root, older, before), "consistency")
	}
}

// Every tile of the level, byte for byte, and none beyond.
func checkLevel(folder string, size int64, level int, hashes stored) {
	count := size >> uint(tileHeight*level)
	for n := int64(0); n*256 < count; n++ {
		width := 256
		if count-n*256 < 256 {
			width = int(count - n*256)
		}
		tile := tlog.Tile{H: tileHeight, L: level, N: n, W: width}
		expected, err := tlog.ReadTileData(tile, hashes)
		must(err, "tile")
		found, err := os.ReadFile(filepath.Join(folder, pathOf(tile)))
		must(err, "tile file")
		if !bytes.Equal(expected, found) {
			fail("%s holds other hashes", pathOf(tile))
		}
	}
}
