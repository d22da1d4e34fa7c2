package proto_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	pb "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/gpuline/gpuline/plugins/external/proto"
)

// TestGenerated compares plugin.proto with the code that was made of it: after a change run generate.sh.
func TestGenerated(t *testing.T) {
	protoc, err := exec.LookPath("protoc")
	if err != nil {
		t.Skip("there is no protoc (Debian: protobuf-compiler)")
	}
	file := filepath.Join(t.TempDir(), "set")
	if out, err := exec.CommandContext(t.Context(), protoc, "--descriptor_set_out", file, "plugin.proto").CombinedOutput(); err != nil {
		t.Fatalf("protoc: %v\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var set descriptorpb.FileDescriptorSet
	if err := pb.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	if got := protodesc.ToFileDescriptorProto(proto.File_plugin_proto); !pb.Equal(set.GetFile()[0], got) {
		t.Errorf("plugin.pb.go is not of plugin.proto: run plugins/external/proto/generate.sh\n%s", prototext.Format(got))
	}
}
