package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.PluginRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a run takes along of its tokenizer and of the chat template that it is trained with. */
class TokenizerFilesTest {
  private static final String ONE =
      "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";
  private static final String OTHER = ONE.replace(": ", "> ");
  private static final String CHATS =
      "source = chat, files = chats.jsonl, sequence-length = 8, validation-fraction = 0";

  @TempDir private Path folder;
  private Path run;

  @BeforeEach
  void write() throws IOException {
    run = folder.resolve("run/tokenizer");
    Files.writeString(folder.resolve("one.jinja"), ONE);
    Files.writeString(folder.resolve("other.jinja"), OTHER);
    Files.writeString(
        folder.resolve("chats.jsonl"),
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
            + "{\"role\":\"assistant\",\"content\":\"how are you\"}]}\n");
  }

  private Dataset open(String data, Tokenizer tokenizer) {
    Dataset opened =
        DataSettings.read(
                ConfigFactory.parseString(data),
                PluginRegistry.of(
                    new ByteTokenizerFactory(), new TextSourceFactory(), new ChatSourceFactory()))
            .open(List.of(folder));
    return new Dataset(tokenizer, opened.corpora(), opened.train(), opened.validation());
  }

  private Dataset open(String data) {
    return open(data, new ByteTokenizer());
  }

  @Test
  void theTemplateGoesAlongWithItsSpecialTokens() throws IOException {
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\":\"</s>\"}");
    Dataset chats = open(CHATS + ", template = one.jinja");
    Dataset text = open("files = one.jinja, sequence-length = 8");
    assertThat(TokenizerFiles.copy(List.of(text), run)).isEmpty();
    assertThat(run).as("nothing to take along").doesNotExist();
    assertThat(TokenizerFiles.copy(List.of(text, chats), run)).isEmpty();
    assertThat(run.resolve("chat_template.jinja")).hasContent(ONE);
    assertThat(run.resolve("special_tokens_map.json")).hasContent("{\"eos_token\":\"</s>\"}");
    TokenizerFiles.copy(List.of(open(CHATS + ", template = other.jinja")), run);
    assertThat(run.resolve("chat_template.jinja")).as("what is there stays").hasContent(ONE);
  }

  @Test
  void ofSeveralTemplatesNoneGoesAlong() throws IOException {
    Dataset mixed =
        open(
            "sequence-length = 8, validation-fraction = 0, sources = ["
                + "{ source = chat, files = chats.jsonl, template = one.jinja },"
                + "{ source = chat, files = chats.jsonl, template = other.jinja } ]");
    assertThat(TokenizerFiles.copy(List.of(mixed), run).orElseThrow())
        .contains("2 chat templates", "--template");
    assertThat(run).doesNotExist();
  }

  /** The model is talked with as it was trained, whatever its tokenizer's own template is. */
  @Test
  void theTemplateOfTheTrainingComesBeforeTheTokenizersOwn() throws IOException {
    Path file = Files.writeString(folder.resolve("tokenizer.json"), "{}");
    Path own = Files.writeString(folder.resolve("chat_template.jinja"), OTHER);
    Tokenizer tokenizer = new FileTokenizer(List.of(file, own));
    TokenizerFiles.copy(List.of(open(CHATS + ", template = one.jinja", tokenizer)), run);
    assertThat(run.resolve("chat_template.jinja")).hasContent(ONE);
    assertThat(run.resolve("tokenizer.json")).hasContent("{}");
    Path second = folder.resolve("second/tokenizer");
    TokenizerFiles.copy(List.of(open(CHATS + ", template = other.jinja", tokenizer)), second);
    assertThat(second.resolve("chat_template.jinja")).hasContent(OTHER);
  }

  private record FileTokenizer(List<Path> files) implements Tokenizer {
    @Override
    public int vocabSize() {
      return 256;
    }

    @Override
    public void encode(byte[] text, IntConsumer sink) {
      new ByteTokenizer().encode(text, sink);
    }

    @Override
    public byte[] bytes(int token) {
      return new byte[] {(byte) token};
    }
  }
}
