package dev.hydra.data;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.chat.ChatTemplate;
import dev.hydra.chat.ChatTemplateFiles;
import dev.hydra.libtorch.io.DurableFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The files of a tokenizer in a folder of a run or a model, with the chat template. */
public final class TokenizerFiles {
  /** The tokenizer itself. */
  public static final String MAIN = "tokenizer.json";

  private TokenizerFiles() {}

  /**
   * Copies the files of a tokenizer into a folder, the tokenizer's own under the name {@link
   * #MAIN}. What is there already stays.
   */
  public static void copy(Tokenizer tokenizer, Path folder) throws IOException {
    List<Path> files = tokenizer.files();
    for (int i = 0; i < files.size(); i++) {
      Path from = files.get(i);
      // The content only: a file that was downloaded is often read-only.
      write(
          folder.resolve(i == 0 ? MAIN : String.valueOf(from.getFileName())),
          Files.readAllBytes(from));
    }
  }

  /**
   * Copies what a run takes along: the chat template that its conversations were written with, and
   * the files of its tokenizer. Only one template can be taken; of several none is.
   *
   * @param stages the data of every stage, with the same tokenizer
   * @return what is to be said of several templates
   */
  public static Optional<String> copy(List<Dataset> stages, Path folder) throws IOException {
    Tokenizer tokenizer = stages.get(0).tokenizer();
    List<ChatTemplate> templates =
        stages.stream().flatMap(stage -> stage.chatTemplates().stream()).toList();
    long different = templates.stream().map(ChatTemplate::source).distinct().count();
    if (different == 1) {
      copy(templates.get(0), tokenizer, folder);
    }
    copy(tokenizer, folder);
    return different < 2
        ? Optional.empty()
        : Optional.of(
            "the conversations to train on are written with "
                + different
                + " chat templates, so the run takes none of them along: name the one to talk with"
                + " by --template");
  }

  private static void copy(ChatTemplate template, Tokenizer tokenizer, Path folder)
      throws IOException {
    List<Path> files = tokenizer.files();
    if (files.isEmpty()) {
      write(
          folder.resolve(ChatTemplateFiles.SPECIAL_TOKENS),
          JSON.std.asString(template.specialTokens()).getBytes(StandardCharsets.UTF_8));
    } else if (ChatTemplateFiles.in(files.get(0).toAbsolutePath().resolveSibling(""))
        .filter(own -> own.source().equals(template.source()))
        .isPresent()) {
      return; // it comes with the tokenizer
    }
    write(
        folder.resolve(ChatTemplateFiles.TEMPLATE),
        template.source().getBytes(StandardCharsets.UTF_8));
  }

  private static void write(Path to, byte[] content) throws IOException {
    if (!Files.exists(to)) {
      Files.createDirectories(to.toAbsolutePath().getParent());
      Path side = to.resolveSibling(to.getFileName() + ".tmp");
      Files.write(side, content);
      DurableFiles.sync(side);
      DurableFiles.replace(side, to);
    }
  }
}
