package dev.hydra.libtorch.safetensors;

import static dev.hydra.testing.Samples.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What is written can be read, and is what the format says. */
@ExtendWith(InScope.class)
class SafetensorsRoundTripTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  Path folder;

  /** Rows of one tensor become a tensor of another file, byte by byte. */
  @Test
  void bytesMoveAsTheyAre() throws IOException {
    Tensor rows = torch.rand(4, 3);
    Path whole = folder.resolve("whole.safetensors");
    SafetensorsWriter.write(whole, Map.of("rows", rows), Map.of());
    Path part = folder.resolve("part.safetensors");
    List<TensorInfo> wanted = List.of(TensorInfo.of("middle", DType.F32, List.of(2L, 3L)));
    try (SafetensorsFile from = SafetensorsFile.open(whole)) {
      SafetensorsWriter.write(
          part, wanted, Map.of(), (info, channel) -> from.copy("rows", 12, 24, channel));
      try (SafetensorsFile read = SafetensorsFile.open(part)) {
        assertClose(Tensors.slice(rows, 0, 1, 3), read.read("middle"), 0);
      }
      assertThrows(
          IndexOutOfBoundsException.class,
          () ->
              SafetensorsWriter.write(
                  part, wanted, Map.of(), (info, channel) -> from.copy("rows", 36, 24, channel)));
      IOException tooFew =
          assertThrows(
              IOException.class,
              () ->
                  SafetensorsWriter.write(
                      part, wanted, Map.of(), (info, channel) -> from.copy("rows", 0, 8, channel)));
      assertThat(tooFew.getMessage()).endsWith("tensor \"middle\" has 24 bytes, but 8 were given");
    }
  }

  @Test
  void everyTypeAndShape() throws IOException {
    Tensor numbers = Tensors.mul(torch.rand(3, 4), 90);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (DType dtype : DType.values()) {
      tensors.put(dtype + ".matrix", numbers.to(dtype.type()));
      tensors.put(dtype + ".scalar", numbers.sum().to(dtype.type()));
      tensors.put(dtype + ".empty", torch.empty(2, 0, 3).to(dtype.type()));
    }
    Path file = folder.resolve("every.safetensors");
    SafetensorsWriter.write(file, tensors, Map.of());
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertEquals(
          List.copyOf(tensors.keySet()), read.tensors().stream().map(TensorInfo::name).toList());
      for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
        Tensor actual = read.read(entry.getKey());
        assertEquals(Tensors.type(entry.getValue()), Tensors.type(actual));
        assertClose(entry.getValue(), actual, 0);
      }
    }
  }

  @Test
  void viewsAndTensorsThatNeedGradients() throws IOException {
    Tensor matrix = Samples.parameter(4, 6);
    Tensor view = matrix.t().narrow(0, 1, 3);
    Path file = folder.resolve("views.safetensors");
    SafetensorsWriter.write(file, Map.of("view", view), Map.of());
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertClose(view, read.read("view"), 0);
    }
  }

  @Test
  void bytesAreThoseOfTheFormat() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("b", torch.ones(1).to(ScalarType.Byte));
    tensors.put("a\"ü", torch.ones(1, 1));
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("format", "pt");
    metadata.put("author", "ä\n");
    Path file = folder.resolve("bytes.safetensors");
    SafetensorsWriter.write(file, tensors, metadata);
    String header =
        "{\"__metadata__\":{\"format\":\"pt\",\"author\":\"ä\\n\"},"
            + "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
            + "\"a\\\"ü\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[1,5]}}";
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    byte[] padded = (header + " ".repeat(-text.length & 7)).getBytes(StandardCharsets.UTF_8);
    byte[] expected = RawFile.bytes(padded, 5);
    ByteBuffer.wrap(expected).put(expected.length - 5, new byte[] {1, 0, 0, (byte) 0x80, 0x3f});
    assertArrayEquals(expected, Files.readAllBytes(file));
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertEquals(List.copyOf(metadata.entrySet()), List.copyOf(read.metadata().entrySet()));
    }
  }

  @Test
  void emptyFile() throws IOException {
    Path file = folder.resolve("empty.safetensors");
    SafetensorsWriter.write(file, Map.of(), Map.of());
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertThat(read.tensors()).isEmpty();
      assertThat(read.metadata()).isEmpty();
    }
  }

  @Test
  void shorterFileReplacesALongerOne() throws IOException {
    Path file = folder.resolve("twice.safetensors");
    SafetensorsWriter.write(file, Map.of("x", torch.ones(100)), Map.of());
    SafetensorsWriter.write(file, Map.of("x", torch.ones(2)), Map.of());
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertClose(torch.ones(2), read.read("x"), 0);
    }
  }

  @Test
  void tensorOfSeveralPieces() throws IOException {
    Tensor large = torch.randn(5_000_001);
    Path file = folder.resolve("large.safetensors");
    SafetensorsWriter.write(file, Map.of("large", large), Map.of());
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertTrue(large.equal(read.read("large")));
    }
  }

  @Test
  void tensorBeyondTwoGibibytes() throws IOException {
    long hole = 3L << 30;
    byte[] head =
        RawFile.bytes(
            """
            {"hole":{"dtype":"U8","shape":[%1$d],"data_offsets":[0,%1$d]},
            "x":{"dtype":"U8","shape":[3],"data_offsets":[%1$d,%2$d]}}"""
                .formatted(hole, hole + 3),
            0);
    Path file = folder.resolve("sparse.safetensors");
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.SPARSE,
            StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(head));
      channel.write(ByteBuffer.wrap(new byte[] {1, 2, 3}), head.length + hole);
    }
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertArrayEquals(new long[] {1, 2, 3}, Tensors.integers(read.read("x")));
    }
  }

  @Test
  void publishedFile() throws Exception {
    Path file = Path.of(getClass().getResource("llama.safetensors").toURI());
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertEquals(Map.of("format", "pt"), read.metadata());
      assertEquals(21, read.tensors().size());
      assertEquals(
          new TensorInfo("lm_head.weight", DType.F32, List.of(256L, 64L), 0, 65536),
          read.tensors().get(0));
      double[] norm = Tensors.numbers(read.read("model.norm.weight"));
      assertEquals(64, norm.length);
      assertEquals(1.0806505680084229, norm[0]);
      assertEquals(1.0971635580062866, norm[63]);
      Tensor head = read.read("lm_head.weight");
      assertEquals(-0.030616747215390205, Tensors.numbers(head)[0]);
      assertEquals(-9.737723345298946, Tensors.number(head.to(ScalarType.Double).sum()), 1e-9);
    }
  }

  @Test
  void typeThatFilesCannotHold() {
    Map<String, Tensor> tensors = Map.of("z", torch.ones(2).to(ScalarType.ComplexFloat));
    Path file = folder.resolve("complex.safetensors");
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> SafetensorsWriter.write(file, tensors, Map.of()))
            .getMessage();
    assertThat(String.valueOf(message)).startsWith("tensor \"z\" has type ComplexFloat");
    assertThat(file).doesNotExist();
  }

  @Test
  void nameThatIsReserved() {
    Map<String, Tensor> tensors = Map.of("__metadata__", torch.ones(2));
    assertThrows(
        IllegalArgumentException.class,
        () -> SafetensorsWriter.write(folder.resolve("reserved"), tensors, Map.of()));
  }

  @Test
  void unknownNameTellsTheNearest() throws IOException {
    Path file = folder.resolve("x.safetensors");
    SafetensorsWriter.write(file, Map.of("weight", torch.ones(2)), Map.of());
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      String message =
          assertThrows(SafetensorsException.class, () -> read.read("wieght")).getMessage();
      assertThat(String.valueOf(message)).contains("did you mean \"weight\"?");
    }
  }

  @Test
  void fileShortenedWhileOpen() throws IOException {
    Path file = folder.resolve("x.safetensors");
    SafetensorsWriter.write(file, Map.of("x", torch.ones(2)), Map.of());
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      Files.write(file, new byte[20]);
      assertThrows(EOFException.class, () -> read.read("x"));
    }
  }

  @Test
  void liveHandlesStayFlat() throws IOException {
    Path file = folder.resolve("x.safetensors");
    Map<String, Tensor> tensors = Map.of("x", torch.ones(2));
    SafetensorsWriter.write(file, tensors, Map.of());
    Handles.assertFlat(
        () -> {
          try (SafetensorsFile read = SafetensorsFile.open(file)) {
            read.read("x");
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  @Test
  void writingFreesItsCopies() throws IOException {
    Path file = folder.resolve("x.safetensors");
    Map<String, Tensor> tensors = Map.of("x", torch.ones(2), "t", torch.ones(2, 3).t());
    Handles.assertFreesItself(
        20,
        () -> {
          try {
            SafetensorsWriter.write(file, tensors, Map.of());
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }
}
