package dev.hydra.libtorch.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every way in which a file can be wrong is refused with the reason. */
class SafetensorsCorruptionTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  Path folder;

  @ParameterizedTest(name = "{0}")
  @MethodSource("wrongLengths")
  void lengthIsWrong(String problem, byte[] bytes) throws IOException {
    assertRefused(problem, bytes);
  }

  static Stream<Arguments> wrongLengths() {
    byte[] empty = "{}".getBytes(StandardCharsets.UTF_8);
    byte[] whole = RawFile.bytes(empty, 0);
    return Stream.of(
        arguments("the file is too short for a safetensors file", new byte[0]),
        arguments("the file is too short for a safetensors file", Arrays.copyOf(whole, 7)),
        arguments(
            "this is not the file, but what Git LFS leaves in its place; fetch it: git lfs pull",
            "version https://git-lfs.github.com/spec/v1\n".getBytes(StandardCharsets.UTF_8)),
        arguments(
            "the header claims 2 bytes, but the file has only 1 there", Arrays.copyOf(whole, 9)),
        arguments(
            "the header claims 100000000 bytes, but the file has only 2 there",
            RawFile.claiming(100_000_000, empty, 0)),
        arguments(
            "the header claims 100000001 bytes; more than 100000000 are refused",
            RawFile.claiming(100_000_001, empty, 0)),
        arguments(
            "the header claims 18446744073709551615 bytes; more than 100000000 are refused",
            RawFile.claiming(-1, empty, 0)),
        arguments("the header is not a JSON object", RawFile.claiming(0, empty, 0)));
  }

  @ParameterizedTest
  @CsvSource({"ff", "c080", "eda080", "c3"})
  void headerIsNoUtf8(String hex) throws IOException {
    String header = "{\"%s\":{}}".formatted("0".repeat(hex.length() / 2));
    byte[] bytes = RawFile.bytes(header, 0);
    byte[] wrong = HexFormat.of().parseHex(hex);
    System.arraycopy(wrong, 0, bytes, 10, wrong.length);
    assertRefused("the header is not UTF-8", bytes);
  }

  /** Headers before files with eight bytes of data. Quotes are single here to be readable. */
  @ParameterizedTest(name = "{1}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
      the header is not a JSON object | []
      the header is not a JSON object | 'x'
      the header's JSON is wrong after 1 of its 3 characters: the file is damaged, or not one of safetensors; fetch or write it again | {x}
      the header's JSON is wrong after 56 of its 58 characters: the file is damaged | {'x':@, 7}
      the header's JSON is wrong after 1 of its 1 characters: the file is damaged, or not one of safetensors; fetch or write it again | {
      the header's JSON is wrong after 17 of its 17 characters: the file is damaged | {'x':{'shape':[1,
      the header: it names "x" twice | {'x':@, 'x':@}
      tensor "x": it names "shape" twice | {'x':{'shape':[8], 'shape':[8]}}
      __metadata__: it names "a" twice | {'__metadata__':{'a':'', 'a':''}, 'x':@}
      the header: it names "__metadata__" twice | {'__metadata__':{}, '__metadata__':{}}
      there is more after the header's JSON object | {'x':@} {}
      __metadata__ is not an object | {'__metadata__':[], 'x':@}
      __metadata__.a is not a text | {'__metadata__':{'a':1}, 'x':@}
      __metadata__.a is not a text | {'__metadata__':{'a':null}, 'x':@}
      tensor "x": its entry is not an object | {'x':8}
      tensor "x": unknown field "size" | {'x':{'size':8}}
      tensor "x": dtype is missing | {'x':{'shape':[8], 'data_offsets':[0,8]}}
      tensor "x": shape is missing | {'x':{'dtype':'U8', 'data_offsets':[0,8]}}
      tensor "x": data_offsets is missing | {'x':{'dtype':'U8', 'shape':[8]}}
      tensor "x": dtype is not a text | {'x':{'dtype':8}}
      tensor "x": unknown dtype "F4" | {'x':{'dtype':'F4'}}
      tensor "x": unknown dtype "u8" | {'x':{'dtype':'u8'}}
      tensor "x": shape is not a list | {'x':{'shape':8}}
      tensor "x": shape holds no whole numbers | {'x':{'shape':[8.0]}}
      tensor "x": shape holds no whole numbers | {'x':{'shape':['8']}}
      tensor "x": shape holds no whole numbers | {'x':{'shape':[[8]]}}
      tensor "x": shape holds the negative number -8 | {'x':{'shape':[-8]}}
      tensor "x": shape holds 9223372036854775808, which is too large | {'x':{'shape':[9223372036854775808]}}
      tensor "x": data_offsets has 1 numbers, not 2 | {'x':{'dtype':'U8', 'shape':[8], 'data_offsets':[8]}}
      tensor "x": data_offsets has 3 numbers, not 2 | {'x':{'dtype':'U8', 'shape':[8], 'data_offsets':[0,8,9]}}
      tensor "x": it ends before it begins | {'x':{'dtype':'U8', 'shape':[8], 'data_offsets':[8,0]}}
      tensor "x": it ends at byte 9 after the header, but the file has only 8 there | {'x':{'dtype':'U8', 'shape':[9], 'data_offsets':[0,9]}}
      tensor "x": F32[8] takes 32 bytes, but its data_offsets span 8 | {'x':{'dtype':'F32', 'shape':[8], 'data_offsets':[0,8]}}
      tensor "x": F32[] takes 4 bytes, but its data_offsets span 8 | {'x':{'dtype':'F32', 'shape':[], 'data_offsets':[0,8]}}
      tensor "x": U8[0] takes 0 bytes, but its data_offsets span 8 | {'x':{'dtype':'U8', 'shape':[0], 'data_offsets':[0,8]}}
      tensor "x": its shape [4294967296, 4294967296] is too large to count | {'x':{'dtype':'U8', 'shape':[4294967296,4294967296], 'data_offsets':[0,8]}}
      tensor "x": its shape [0, 4294967296, 4294967296] is too large to count | {'x':{'dtype':'U8', 'shape':[0,4294967296,4294967296], 'data_offsets':[0,0]}}
      tensor "x": its shape [2305843009213693952] is too large to count | {'x':{'dtype':'F64', 'shape':[2305843009213693952], 'data_offsets':[0,0]}}
      tensor "y": its bytes overlap those of another tensor | {'x':@, 'y':{'dtype':'U8', 'shape':[1], 'data_offsets':[7,8]}}
      tensor "y": its bytes overlap those of another tensor | {'y':{'dtype':'U8', 'shape':[0], 'data_offsets':[4,4]}, 'x':@}
      tensor "x": 3 bytes before it belong to no tensor | {'x':{'dtype':'U8', 'shape':[5], 'data_offsets':[3,8]}}
      the last 3 bytes of the file belong to no tensor | {'x':{'dtype':'U8', 'shape':[5], 'data_offsets':[0,5]}}
      the last 8 bytes of the file belong to no tensor | {}
      """)
  void headerIsWrong(String problem, String header) throws IOException {
    String entry = "{'dtype':'U8', 'shape':[8], 'data_offsets':[0,8]}";
    assertRefused(problem, RawFile.bytes(header.replace("@", entry).replace('\'', '"'), 8));
  }

  @Test
  void metadataMayBeNull() throws IOException {
    Path file = RawFile.in(folder, RawFile.bytes("{\"__metadata__\":null}", 0));
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertThat(read.tensors()).isEmpty();
    }
  }

  private void assertRefused(String problem, byte[] bytes) throws IOException {
    Path file = RawFile.in(folder, bytes);
    SafetensorsException thrown =
        assertThrows(SafetensorsException.class, () -> SafetensorsFile.open(file));
    String message = String.valueOf(thrown.getMessage());
    assertThat(message).startsWith(file + ": " + problem);
  }
}
