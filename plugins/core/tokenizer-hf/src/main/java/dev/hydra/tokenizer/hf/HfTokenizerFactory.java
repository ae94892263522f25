package dev.hydra.tokenizer.hf;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.data.Tokenizer;
import dev.hydra.data.TokenizerContext;
import dev.hydra.data.TokenizerFactory;
import dev.hydra.libtorch.io.JsonText;
import dev.hydra.libtorch.io.NotJsonException;
import dev.hydra.libtorch.io.Sha256;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Creates tokenizers from files in the format of the Hugging Face tokenizers library. */
@HydraPlugin("hf")
public final class HfTokenizerFactory implements TokenizerFactory {
  private static final Option<String> FILE =
      Option.text("file", "a tokenizer.json; files that belong to it lie beside it");
  private static final Option<Optional<String>> END_OF_TEXT =
      Option.text("end-of-text", "the special token that ends a document")
          .optional("eos_token of tokenizer_config.json, or a usual one");

  private static final String CONFIG = "tokenizer_config.json";

  /** What models take along, besides the tokenizer itself. */
  private static final List<String> COMPANIONS =
      List.of(
          CONFIG,
          "special_tokens_map.json",
          "added_tokens.json",
          "generation_config.json",
          "chat_template.jinja",
          "chat_template.json");

  private static final List<String> USUAL =
      List.of(
          "<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>", "[SEP]", "<|eos|>");

  /** Creates the factory, for the registry. */
  public HfTokenizerFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(FILE, END_OF_TEXT);
  }

  @Override
  public Tokenizer create(TokenizerContext from) {
    Path path = from.file(FILE);
    try {
      byte[] content = Files.readAllBytes(path);
      String json = text(content);
      TokenizerFile file = TokenizerFile.parse(json);
      UnsafeParts.refuse(file.json());
      TokenizerHandle handle = NativeReading.read(json, file);
      OptionalInt end = endOfText(from, path, file);
      return new HfTokenizer(handle, file, end, "hf " + Sha256.of(content), files(path));
    } catch (IOException e) {
      String problem = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
      throw from.settings()
          .invalid(
              FILE,
              path
                  + " is not a tokenizer.json that can be read ("
                  + problem
                  + "); get it again, or make one with hydra tokenizer train");
    }
  }

  private static String text(byte[] content) throws IOException {
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(java.nio.ByteBuffer.wrap(content))
          .toString();
    } catch (MalformedInputException e) {
      throw new IOException("it is not UTF-8", e);
    }
  }

  private static List<Path> files(Path tokenizer) {
    List<Path> files = new ArrayList<>(List.of(tokenizer));
    COMPANIONS.stream()
        .map(tokenizer.toAbsolutePath()::resolveSibling)
        .filter(Files::isRegularFile)
        .forEach(files::add);
    return files;
  }

  private static OptionalInt endOfText(TokenizerContext from, Path path, TokenizerFile file)
      throws IOException {
    Optional<String> asked = from.settings().get(END_OF_TEXT);
    if (asked.isPresent()) {
      int id = file.tokens().indexOf(asked.get());
      if (id < 0) {
        throw from.settings()
            .invalid(END_OF_TEXT, "there is no token \"" + asked.get() + "\" in " + path);
      }
      return OptionalInt.of(id);
    }
    return Stream.concat(published(from, path).stream(), USUAL.stream())
        .map(file.special()::get)
        .filter(id -> id != null)
        .mapToInt(Integer::intValue)
        .findFirst();
  }

  /** Returns the token of tokenizer_config.json, which is a text or an object with its content. */
  private static Optional<String> published(TokenizerContext from, Path tokenizer)
      throws IOException {
    Path config = tokenizer.toAbsolutePath().resolveSibling(CONFIG);
    if (!Files.isRegularFile(config)) {
      return Optional.empty();
    }
    Object token = config(from, config).get("eos_token");
    Object content = token instanceof Map<?, ?> map ? map.get("content") : token;
    if (token != null && !(content instanceof String)) {
      throw from.settings()
          .invalid(
              FILE,
              config
                  + ": eos_token is "
                  + Places.shown(token)
                  + ", not a text or an object with one as its content; mend it, or fetch the file"
                  + " again");
    }
    return Optional.ofNullable((String) content);
  }

  private static Map<String, @Nullable Object> config(TokenizerContext from, Path config)
      throws IOException {
    try {
      return JsonText.object(config);
    } catch (NotJsonException e) {
      throw from.settings().invalid(FILE, String.valueOf(e.getMessage()));
    }
  }
}
