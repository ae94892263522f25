package dev.hydra.tokenizer.hf;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Refuses what the native library answers by ending the process, when it reads a file or only at
 * certain texts: what fails in it there cannot be caught (tokenizers 0.21.4).
 */
final class UnsafeParts {
  private static final String CHARSMAP = "precompiled_charsmap";

  private UnsafeParts() {}

  /**
   * Looks through a file.
   *
   * @throws IOException with the place of the first that is found
   */
  static void refuse(Map<?, ?> json) throws IOException {
    if (json.get("model") instanceof Map<?, ?> model) {
      merges(model);
    }
    Places.each("normalizer", json.get("normalizer"), UnsafeParts::normalizer);
    Places.each("pre_tokenizer", json.get("pre_tokenizer"), UnsafeParts::preTokenizer);
    Places.each("post_processor", json.get("post_processor"), UnsafeParts::postProcessor);
    Places.each("decoder", json.get("decoder"), UnsafeParts::decoder);
  }

  /** The library cuts the prefix off the right side of every merge. */
  private static void merges(Map<?, ?> model) throws IOException {
    if (!(model.get("continuing_subword_prefix") instanceof String prefix
        && model.get("merges") instanceof List<?> merges)) {
      return;
    }
    for (int i = 0; i < merges.size(); i++) {
      if (!right(merges.get(i)).startsWith(prefix)) {
        throw new IOException(
            "model.merges[%d] does not join a token that begins with %s, the continuing_subword_prefix"
                .formatted(i, Places.quoted(prefix)));
      }
    }
  }

  private static String right(@Nullable Object merge) {
    if (merge instanceof List<?> pair && pair.size() == 2) {
      return String.valueOf(pair.get(1));
    }
    String text = String.valueOf(merge);
    return text.substring(text.indexOf(' ') + 1);
  }

  private static void normalizer(String place, Map<?, ?> step) throws IOException {
    if (step.containsKey(CHARSMAP) || "Precompiled".equals(step.get("type"))) {
      Charsmap.check(place + "." + CHARSMAP, step.get(CHARSMAP));
    }
  }

  private static void preTokenizer(String place, Map<?, ?> step) throws IOException {
    if (step.get("length") instanceof Integer length && length == 0) {
      throw new IOException(place + ".length is 0, but must be at least 1");
    }
  }

  private static void postProcessor(String place, Map<?, ?> step) throws IOException {
    if (step.get("single") instanceof List<?> pieces) {
      for (int i = 0; i < pieces.size(); i++) {
        if (pieces.get(i) instanceof Map<?, ?> piece) {
          single(place + ".single[" + i + "]", piece, step.get("special_tokens"));
        }
      }
    }
  }

  private static void single(String place, Map<?, ?> piece, @Nullable Object tokens)
      throws IOException {
    if (piece.get("Sequence") instanceof Map<?, ?> text && "B".equals(text.get("id"))) {
      throw new IOException(place + ".Sequence.id is \"B\", but there is only one text, \"A\"");
    }
    if (piece.get("SpecialToken") instanceof Map<?, ?> special
        && special.get("id") instanceof String id
        && !(tokens instanceof Map<?, ?> known && known.get(id) instanceof Map<?, ?>)) {
      throw new IOException(
          place + ".SpecialToken.id is " + Places.quoted(id) + ", which special_tokens lack");
    }
  }

  /** Cutting at the end fails in tokens that are shorter than what is cut. */
  private static void decoder(String place, Map<?, ?> step) throws IOException {
    if (step.get("stop") instanceof Number stop && stop.doubleValue() > 0) {
      throw new IOException(place + ".stop is " + stop + ", but only 0 is supported");
    }
  }
}
