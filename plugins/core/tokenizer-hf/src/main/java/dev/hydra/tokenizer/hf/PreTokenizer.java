package dev.hydra.tokenizer.hf;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Knows the pre-tokenizers of byte-level BPE whose cuts {@link Pieces} relies on. */
final class PreTokenizer {
  static final String GPT2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  /** Digits of a number are cut in threes, see {@code dev.hydra.data.bpe}. */
  static final String LLAMA3 =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final String QWEN2 = LLAMA3.replace("{1,3}", "");

  private static final Set<String> KNOWN = Set.of(GPT2, LLAMA3, QWEN2);

  private PreTokenizer() {}

  /** Says whether a tokenizer is byte-level BPE with one of them, and changes no text before. */
  static boolean cutsAsExpected(TokenizerFile file) {
    return file.model().equals("BPE")
        && isHarmless(file.json().get("normalizer"))
        && isKnown(file.json().get("pre_tokenizer"));
  }

  /** Composition of characters (NFC) joins nothing across a cut, which lies between ASCII. */
  private static boolean isHarmless(@Nullable Object normalizer) {
    return normalizer == null
        || (normalizer instanceof Map<?, ?> map && "NFC".equals(map.get("type")));
  }

  private static boolean isKnown(@Nullable Object step) {
    if (!(step instanceof Map<?, ?> map)) {
      return false;
    }
    if (isByteLevel(map)) {
      return !Boolean.FALSE.equals(map.get("use_regex"));
    }
    return "Sequence".equals(map.get("type"))
        && map.get("pretokenizers") instanceof List<?> steps
        && steps.size() == 2
        && steps.get(0) instanceof Map<?, ?> split
        && isSplit(split)
        && steps.get(1) instanceof Map<?, ?> bytes
        && isByteLevel(bytes);
  }

  private static boolean isByteLevel(Map<?, ?> step) {
    return "ByteLevel".equals(step.get("type"))
        && Boolean.FALSE.equals(step.get("add_prefix_space"));
  }

  private static boolean isSplit(Map<?, ?> step) {
    return "Split".equals(step.get("type"))
        && "Isolated".equals(step.get("behavior"))
        && !Boolean.TRUE.equals(step.get("invert"))
        && step.get("pattern") instanceof Map<?, ?> pattern
        && pattern.get("Regex") instanceof String regex
        && KNOWN.contains(regex);
  }
}
