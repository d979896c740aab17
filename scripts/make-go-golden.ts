/**
 * Writes packages/repository/src/format/golden/go-text.json: what Go's standard library makes of hostile names,
 * texts and times. The codecs are tested against this file, so tests need no Go. Needs `go` on the PATH.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = `package main

import (
	"encoding/base64"
	"encoding/json"
	"math/rand"
	"os"
	"strconv"
	"time"
)

type text struct {
	Bytes string \`json:"bytes"\` // base64
	Quote string \`json:"quote"\` // base64 of strconv.Quote without the outer quotes
	JSON  string \`json:"json"\`  // base64 of the JSON string
}

type moment struct {
	Sec           int64  \`json:"sec"\`
	Nsec          int64  \`json:"nsec"\`
	OffsetMinutes int    \`json:"offsetMinutes"\`
	Text          string \`json:"text"\`
}

func textOf(s string) text {
	quoted := strconv.Quote(s)
	encoded, _ := json.Marshal(s)
	b64 := base64.StdEncoding.EncodeToString
	return text{b64([]byte(s)), b64([]byte(quoted[1 : len(quoted)-1])), b64(encoded)}
}

func main() {
	var texts []text
	for b := 0; b < 256; b++ {
		texts = append(texts, textOf(string([]byte{byte(b)})), textOf("x"+string([]byte{byte(b)})+"y"))
	}
	last := false
	for r := rune(0x80); r <= 0x10ffff; r++ {
		now := strconv.IsPrint(r)
		if now != last && r%7 == 0 {
			texts = append(texts, textOf(string(r-1)+string(r)))
		}
		last = now
	}
	for _, s := range []string{"", "\\u2028\\u2029", "\\ufffd", "\\U0001fae8", "\\xed\\xa0\\x80", "\\xc0\\x80", "\\xf4\\x90\\x80\\x80", "\\xe2\\x80", "\\xf0\\x9f\\x92",
		"caf\\u00e9", "\\u00a0", "\\u00ad", "\\ufeff", "\\U000e0001", "a\\"b\\\\c", "<&>", "\\U0010ffff", "\\ue000\\U0001f600"} {
		texts = append(texts, textOf(s))
	}
	source := rand.New(rand.NewSource(1))
	for i := 0; i < 300; i++ {
		bytes := make([]byte, source.Intn(12))
		source.Read(bytes)
		texts = append(texts, textOf(string(bytes)))
	}

	var moments []moment
	for i := 0; i < 300; i++ {
		sec := source.Int63n(253402300799+62167219200) - 62167219200
		nsec := []int64{0, 1, 120, 999999999, 500000000, 123456789, 1000, 1000000}[i%8]
		offset := []int{0, 0, 60, 120, -330, 345, 840, -720, 1}[i%9]
		t := time.Unix(sec, nsec).In(time.FixedZone("", offset*60))
		if t.Year() < 0 || t.Year() > 9999 {
			continue
		}
		encoded, err := t.MarshalJSON()
		if err != nil {
			panic(err)
		}
		moments = append(moments, moment{sec, nsec, offset, string(encoded[1 : len(encoded)-1])})
	}
	out := json.NewEncoder(os.Stdout)
	out.Encode(map[string]any{"texts": texts, "times": moments})
}
`;

const folder = mkdtempSync(join(tmpdir(), 'go-golden-'));
writeFileSync(join(folder, 'main.go'), program);
const golden = execFileSync('go', ['run', join(folder, 'main.go')], { encoding: 'utf8', maxBuffer: 2 ** 24 });
rmSync(folder, { recursive: true });

const target = new URL('../packages/repository/src/format/golden/', import.meta.url);
mkdirSync(target, { recursive: true });
writeFileSync(new URL('go-text.json', target), `${golden.replaceAll('},{', '},\n{').trim()}\n`);
