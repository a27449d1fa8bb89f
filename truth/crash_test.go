package truth

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/schemas"
)

// crashFolder set makes the test binary a projector that gets killed.
const crashFolder = "TRUTH_TEST_CRASH_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(crashFolder); folder != "" {
		role := projectUntilKilled
		if len(os.Args) > 2 {
			role = map[string]func(string, string) error{"listen": listenUntilKilled, "rebuild": rebuildUntilKilled}[os.Args[2]]
		}
		if err := role(folder, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// projectUntilKilled applies what is in the queue, a few messages at a time, and
// prints a line for each position that it reached.
func projectUntilKilled(folder, schemasFolder string) error {
	reg, err := schemas.NewRegistry(schemasFolder)
	if err != nil {
		return err
	}
	t, err := open(folder, file, Options{Schemas: reg, Batch: 7})
	if err != nil {
		return err
	}
	for {
		n, err := t.step()
		if err != nil {
			return err
		}
		if n == 0 {
			return t.release()
		}
		fmt.Println(t.Status().Position)
	}
}

// Whenever the projector is killed, each message is applied once.
func TestKilledProjector(t *testing.T) {
	rounds := 25
	if os.Getenv("SOAK") != "" {
		rounds = 200
	}
	s := newState(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	folder := t.TempDir()
	writeSchemas(t, folder)
	m := model{}
	killed := 0
	for range rounds {
		s.put(s.random(r, 150, m)...)
		if s.projectAndKill(folder, r.IntN(20), time.Duration(r.IntN(1000))*time.Microsecond) {
			killed++
		}
	}
	s.apply()
	s.check(m)
	incremental := s.dump()
	must(t, Rebuild(t.Context(), s.folder, Options{Schemas: s.registry}, nil))
	s.same("rebuilt", s.dump(), incremental)
	if killed < rounds/2 {
		t.Errorf("only %d of %d were killed at work", killed, rounds)
	}
}

// projectAndKill runs a projector and kills it some time after so many lines.
func (s *state) projectAndKill(schemasFolder string, lines int, later time.Duration) (killed bool) {
	s.Helper()
	projector := exec.Command(os.Args[0], schemasFolder)
	projector.Env = append(os.Environ(), crashFolder+"="+s.folder)
	projector.Stderr = os.Stderr
	out, err := projector.StdoutPipe()
	must(s, err)
	must(s, projector.Start())
	scanner := bufio.NewScanner(out)
	for range lines {
		if !scanner.Scan() {
			break
		}
	}
	time.Sleep(later) // anywhere in a transaction
	projector.Process.Kill()
	for scanner.Scan() {
	}
	err = projector.Wait()
	if err != nil && !killedBySignal(projector) {
		s.Fatal(err)
	}
	return err != nil
}

func killedBySignal(c *exec.Cmd) bool { return c.ProcessState.ExitCode() < 0 }
