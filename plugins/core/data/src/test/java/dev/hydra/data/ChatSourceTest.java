package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Settings;
import dev.hydra.chat.MarkedText;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Conversations as tokens, of which those of the assistant are predicted. */
@ExtendWith(InScope.class)
class ChatSourceTest {
  private static final String TEMPLATE =
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>\n{% endfor %}"
          + "{% if add_generation_prompt %}<assistant>{% endif %}";
  private static final String SUM =
      "{\"messages\":[{\"role\":\"user\",\"content\":\"2+2?\"},"
          + "{\"role\":\"assistant\",\"content\":\"4\"},"
          + "{\"role\":\"user\",\"content\":\"why\"},"
          + "{\"role\":\"assistant\",\"content\":\"so\"}]}";
  private static final String GREETING =
      "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
          + "{\"role\":\"assistant\",\"content\":\"ho\"}]}";

  @TempDir private Path folder;

  @BeforeEach
  void template() throws IOException {
    Files.writeString(folder.resolve("chat.jinja"), TEMPLATE);
  }

  private Corpus read(String lines, String options) throws IOException {
    Files.writeString(folder.resolve("chats.jsonl"), lines);
    SourceFactory factory = new ChatSourceFactory();
    Settings settings =
        Settings.read(
            "data",
            ConfigFactory.parseString("files = chats.jsonl\n" + options),
            factory.options());
    Source source = factory.create(new SourceContext(settings, List.of(folder)));
    return Corpus.readMarked((MarkedSource) source, new ByteTokenizer());
  }

  private Corpus read(String lines) throws IOException {
    return read(lines, "template = chat.jinja");
  }

  /** The text, with what is predicted in capitals. */
  private static String shown(Corpus corpus) {
    StringBuilder text = new StringBuilder();
    for (long i = 0; i < corpus.size(); i++) {
      char c = (char) corpus.token(i);
      text.append(corpus.isMarked(i) ? Character.toUpperCase(c) : c);
    }
    return text.toString();
  }

  @Test
  void onlyWhatTheAssistantSaysIsPredicted() throws IOException {
    Corpus corpus = read(SUM + "\n" + GREETING);
    assertEquals(
        """
        <user>2+2?</>
        <assistant>4</>
        <user>why</>
        <assistant>SO</>
        <user>hi</>
        <assistant>HO</>
        """,
        shown(corpus));
    long first = "<user>2+2?</>\n<assistant>4</>\n<user>why</>\n<assistant>so</>\n".length();
    assertArrayEquals(new long[] {first, corpus.size()}, corpus.documentEnds());
    assertThat(corpus.isMarked(first - 2)).as("the end of what it says, too").isTrue();
    assertThat(corpus.isMarked(first)).isFalse();
  }

  /** The labels of training and of validation leave out all else, in windows and in documents. */
  @Test
  void labelsLeaveOutAllElse() throws IOException {
    Corpus corpus = read(SUM + "\n" + GREETING);
    for (Packing packing : Packing.values()) {
      Samples samples = packing.whole(corpus, List.of(new Range(0, corpus.size())), 64);
      Batch batch = new ValidationWindows(samples, 64).batch(0, Math.toIntExact(samples.count()));
      String predicted =
          java.util.Arrays.stream(batch.predicted())
              .mapToObj(token -> String.valueOf((char) token))
              .collect(Collectors.joining());
      assertEquals("4</>\nso</>\nho</>\n", predicted, packing.toString());
      long labels =
          java.util.Arrays.stream(Tensors.integers(batch.labels()))
              .filter(label -> label != Batch.IGNORED)
              .count();
      assertEquals(predicted.length(), labels);
    }
    assertThat(read(SUM).fingerprint()).isNotEqualTo(read(GREETING).fingerprint());
  }

  @Test
  void aPartInWhichNothingIsPredictedIsKnown() throws IOException {
    Corpus corpus = read(GREETING);
    long answer = "<user>hi</>\n<assistant>".length();
    assertThat(corpus.predicts(List.of(new Range(0, answer)))).isFalse();
    assertThat(corpus.predicts(List.of(new Range(0, answer + 1)))).isTrue();
    assertThat(corpus.predicts(List.of(new Range(corpus.size() - 1, corpus.size())))).isFalse();
  }

  @Test
  void everyBatchOfMarkedTextHasLabels() throws IOException {
    Batch batch = new Batch(1, 3);
    batch.read(read(GREETING), 0, "<user>hi</>\n<assistant>".length(), 3);
    assertArrayEquals(new long[] {2, 1, 3}, Tensors.sizes(batch.tensor()));
  }

  @Test
  void whatIsNotAConversationIsRefusedOrLeftOut() throws IOException {
    for (String[] bad :
        List.of(
            new String[] {"{\"text\":\"b\"}", "has no field \"messages\" among [text]"},
            new String[] {"{\"messages\":\"b\"}", "its field \"messages\" is not a list"},
            new String[] {"{\"messages\":[]}", "its field \"messages\" is not a list of messages"},
            new String[] {"{\"messages\":[1]}", "message 1 is not an object"},
            new String[] {
              "{\"messages\":[{\"from\":\"human\",\"value\":\"b\"}]}",
              "message 1 has no role, such as user or assistant, among [from, value]"
            },
            new String[] {"{\"messages\":[{\"role\":\"user\"}]}", "message 1 has no content"},
            new String[] {
              "{\"messages\":[{\"role\":\"user\",\"content\":\"b\"}]}", "the assistant says nothing"
            })) {
      String lines = GREETING + "\n" + bad[0] + "\n";
      assertThat(assertThrows(ConfigException.class, () -> read(lines)))
          .hasMessageContaining(folder.resolve("chats.jsonl") + ": 2: " + bad[1])
          .hasMessageContaining("on-error = skip");
      assertEquals(
          shown(read(GREETING)),
          shown(read(lines, "template = chat.jinja, on-error = skip")),
          bad[0]);
    }
    assertThat(
            assertThrows(
                ConfigException.class, () -> read("[1]", "template = chat.jinja, on-error = skip")))
        .hasMessageContaining("there is no conversation in");
  }

  @Test
  void aTemplateThatIsNotThereOrFailsIsSaid() throws IOException {
    assertThat(assertThrows(ConfigException.class, () -> read(GREETING, "")))
        .hasMessageContaining("data.template: there is no chat template with the tokenizer")
        .hasMessageContaining("template = chat.jinja");
    assertThat(assertThrows(ConfigException.class, () -> read(GREETING, "template = no.jinja")))
        .hasMessageContaining("no.jinja");
    Files.writeString(folder.resolve("chat.jinja"), "{% if %}");
    assertThat(assertThrows(ConfigException.class, () -> read(GREETING)))
        .hasMessageContaining("data.template: chat.jinja: ");
    Files.writeString(
        folder.resolve("chat.jinja"), "{{ raise_exception('no ' + messages[0].role) }}");
    assertThat(assertThrows(ConfigException.class, () -> read(GREETING)))
        .hasMessageContaining("chats.jsonl: 1: the chat template fails on it: no user");
  }

  /** Tokens of two characters: one that a marked part begins or ends in is part of it. */
  @Test
  void tokensThatReachIntoAPartBelongToIt() {
    assertEquals(bits(1, 2), marks("abcdefgh", 3, 5));
    assertEquals(bits(1, 2), marks("abcdefgh", 2, 6));
    assertEquals(bits(3), marks("abcdefg", 6, 7));
    assertEquals(bits(0, 1, 2, 3), marks("abcdefgh", 0, 8));
  }

  private static BitSet marks(String text, int from, int to) {
    MarkedText marked = new MarkedText(text, List.of(new MarkedText.Span(from, to)));
    return MarkedTokens.of(marked, new PairTokenizer()).marked();
  }

  private static BitSet bits(int... all) {
    BitSet bits = new BitSet();
    for (int each : all) {
      bits.set(each);
    }
    return bits;
  }
}
