package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

const (
	module  = "github.com/sallyport/sallyport"
	version = "v0.1.0"
)

// What .ci/release tags is put into a file proxy. From there the daemon is installed
// by name and version, and a program embeds the server with nothing but its modules.
func TestRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("building the daemon from a module cache of its own takes a while")
	}
	if runtime.GOOS == "windows" {
		t.Skip("releases are made by a shell script")
	}
	testenv.NeedBinary(t, "bash")
	repo := repository(t)
	t.Log(run(t, repo, nil, "bash", ".ci/release", version))
	proxy := fileProxy(t, repo)

	t.Run("install", func(t *testing.T) {
		bin := t.TempDir()
		run(t, bin, proxy.env("GOBIN="+bin), "go", "install", module+"/cmd/sallyport@"+version)
		require.Contains(t, run(t, bin, nil, filepath.Join(bin, "sallyport"), "version"), version)
		run(t, bin, proxy.env("GOBIN="+bin), "go", "install", module+"/cmd/sallyport-pam@"+version) // without PAM, which few hosts have headers of
		require.FileExists(t, filepath.Join(bin, "sallyport-pam"))
		run(t, bin, proxy.env("GOBIN="+bin), "go", "install", module+"/cmd/sallyport/sallyport-s3@"+version)
		require.FileExists(t, filepath.Join(bin, "sallyport-s3"))
	})
	t.Run("binaries", func(t *testing.T) {
		target := runtime.GOOS + "/" + runtime.GOARCH
		run(t, repo, nil, "bash", ".ci/binaries", version, "dist", target)
		bin := filepath.Join(repo, "dist", "sallyport-"+version+"-"+strings.ReplaceAll(target, "/", "-"))
		require.Contains(t, run(t, repo, nil, bin, "version"), " "+version+" ")
		helper := filepath.Join(repo, "dist", "sallyport-s3-"+version+"-"+strings.ReplaceAll(target, "/", "-"))
		require.Contains(t, run(t, repo, nil, "go", "version", "-m", helper), module+"/cmd/sallyport/sallyport-s3")
		sums := run(t, repo, nil, "cat", "dist/SHA256SUMS")
		for _, file := range []string{bin, helper} {
			require.Contains(t, sums, "  "+filepath.Base(file)+"\n")
		}
	})
	t.Run("embed", func(t *testing.T) {
		dir := t.TempDir()
		env := proxy.env()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(embedder), 0o666))
		run(t, dir, env, "go", "mod", "init", "example.com/embedder")
		run(t, dir, env, "go", "get", module+"@"+version, module+"/driver/s3@"+version, module+"/proxyproto@"+version)
		run(t, dir, env, "go", "build", "-o", os.DevNull, ".")
		run(t, dir, env, "go", "list", module+"/driver/s3", module+"/proxyproto")
	})
}

const embedder = `package main

import (
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

func main() {
	srv := &server.Server{Driver: driver.User("alice", "wonderland", driver.Mem())}
	srv.Close()
}
`

// repository returns a git repository that holds the files of this one as they are
// now, with a section for the version in the changelog.
func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	repo := t.TempDir()
	for file := range strings.SplitSeq(strings.TrimRight(run(t, root, nil, "git", "ls-files", "-z"), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, file))
		if os.IsNotExist(err) {
			continue // removed, and not committed yet
		}
		require.NoError(t, err)
		if file == "CHANGELOG.md" {
			content = append(content, "\n## "+version[1:]+"\n"...)
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(repo, file)), 0o777))
		require.NoError(t, os.WriteFile(filepath.Join(repo, file), content, 0o777))
	}
	run(t, repo, nil, "git", "init", "--quiet")
	run(t, repo, nil, "git", "config", "user.name", "Release")
	run(t, repo, nil, "git", "config", "user.email", "release@example.com")
	run(t, repo, nil, "git", "add", "--all")
	run(t, repo, nil, "git", "commit", "--quiet", "--message", "all")
	return repo
}

// proxies are module proxies in directories: of what was released, and of all that
// this machine has downloaded.
type proxies struct {
	t    *testing.T
	list string
}

// fileProxy lets Go fetch the modules from their tags. What it keeps of them is laid
// out as a module proxy.
func fileProxy(t *testing.T, repo string) proxies {
	t.Helper()
	cache := filepath.Join(t.TempDir(), "released")
	env := append(withCache(t, cache), "GOPRIVATE="+module, "GOWORK=off",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url.file://"+repo+".insteadOf", "GIT_CONFIG_VALUE_0=https://"+module)
	run(t, t.TempDir(), env, "go", "mod", "download", module+"@"+version,
		module+"/proxyproto@"+version, module+"/driver/s3@"+version, module+"/cmd/sallyport@"+version,
		module+"/cmd/sallyport-pam@"+version)
	others := strings.TrimSpace(run(t, repo, nil, "go", "env", "GOMODCACHE")) + "/cache/download"
	return proxies{t, "file://" + filepath.ToSlash(cache) + "/cache/download,file://" + filepath.ToSlash(others)}
}

// env returns the environment of a machine that has nothing yet but a way to the
// proxies. Go's database of checksums does not know these modules, so it is not
// asked; with -trimpath what was compiled once need not be compiled again.
func (p proxies) env(more ...string) []string {
	cache := filepath.Join(p.t.TempDir(), "modules")
	return append(append(withCache(p.t, cache), "GOPROXY="+p.list, "GONOSUMDB=*", "GOWORK=off", "GOFLAGS=-mod=mod -trimpath"), more...)
}

// withCache returns an environment with a module cache that is removed at the end of
// the test.
func withCache(t *testing.T, cache string) []string {
	t.Cleanup(func() {
		clean := exec.Command("go", "clean", "-modcache")
		clean.Env = append(os.Environ(), "GOMODCACHE="+cache)
		clean.Run()
	})
	return []string{"GOMODCACHE=" + cache}
}

// run runs a command, returns what it printed, and ends the test if it failed.
func run(t *testing.T, dir string, env []string, command ...string) string {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command, " "), err, out, exit.Stderr)
	}
	require.NoError(t, err)
	return string(out)
}
