package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SeparatedTextTest {
  private static final class Found implements TextSink {
    private final List<String> documents = new ArrayList<>();
    private String open = "";

    @Override
    public void accept(byte[] text) {
      open += new String(text, StandardCharsets.UTF_8);
    }

    @Override
    public void endOfDocument() {
      documents.add(open);
      open = "";
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 100})
  void documentsEndAtTheSeparatorHoweverTheTextComes(int size) {
    byte[] text = "one==>two=\n==>==>=t===>three==".getBytes(StandardCharsets.UTF_8);
    Found found = new Found();
    SeparatedText separated = new SeparatedText("==>", found);
    for (int from = 0; from < text.length; from += size) {
      separated.accept(Arrays.copyOfRange(text, from, Math.min(text.length, from + size)));
    }
    separated.endOfDocument();
    separated.accept("another file==>".getBytes(StandardCharsets.UTF_8));
    separated.endOfDocument();
    assertThat(found.documents).containsExactly("one", "two=\n", "=t=", "three==", "another file");
    assertThat(found.open).isEmpty();
  }
}
