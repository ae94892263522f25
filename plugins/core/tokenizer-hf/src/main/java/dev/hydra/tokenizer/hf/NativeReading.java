package dev.hydra.tokenizer.hf;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/** Has the native library read a file, try it, and say in which part of it something is wrong. */
final class NativeReading {
  private static final Map<String, Object> EMPTY_MODEL =
      Map.of("type", "BPE", "vocab", Map.of(), "merges", List.of());

  /** Letters, a line break, and characters that few vocabularies have. */
  private static final String PROBE = "Ab 1,\n\u00e9\u4f60\ud83d\ude00\ue000";

  private NativeReading() {}

  /**
   * Reads a file and encodes a text with it.
   *
   * @param text the file
   * @param file what else is known of it
   * @throws IOException if the library cannot do that, or gives ids that no token has
   */
  static TokenizerHandle read(String text, TokenizerFile file) throws IOException {
    TokenizerHandle handle;
    try {
      handle = TokenizerHandle.read(text);
    } catch (IllegalArgumentException e) {
      throw new IOException(blamed(file.json()) + plain(String.valueOf(e.getMessage())), e);
    }
    long[] ids;
    try {
      ids = handle.encode(PROBE, true);
    } catch (RuntimeException e) { // what the library throws has no type of its own
      throw new IOException("model: no text can be encoded: " + e.getMessage(), e);
    }
    OptionalLong unknown =
        Arrays.stream(ids).filter(id -> id < 0 || id >= file.tokens().size()).findFirst();
    if (unknown.isPresent()) {
      throw new IOException(
          "post_processor adds the id " + unknown.getAsLong() + ", which no token has");
    }
    return handle;
  }

  /** Finds the part without which the library would read the file: it says only a column. */
  private static String blamed(Map<?, ?> json) throws IOException {
    for (Object part : json.keySet()) {
      Map<Object, Object> rest = new LinkedHashMap<>(json);
      rest.remove(part);
      rest.putIfAbsent("model", EMPTY_MODEL);
      try {
        TokenizerHandle.read(JSON.std.asString(rest));
        return part + ": ";
      } catch (IllegalArgumentException e) {
        // It is another part.
      }
    }
    return "";
  }

  private static String plain(String message) {
    return message.replaceFirst(
        "data did not match any variant of untagged enum \\w+",
        "a step of a type that is not known, or with an option that is missing or wrong,");
  }
}
