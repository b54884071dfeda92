import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.wording import asked, contradiction, defines, has_numbers, missing_names, numbers, particulars


def has_all(text, question):
    return has_numbers(text, question) and not missing_names(text, question)


def test_a_question_is_read_once_for_what_it_insists_on():
    question = asked("How many layers does ResNet-50 have on ImageNet, 50 or 101?")
    assert [word.text for word in question.words] == ["layers", "ResNet", "50", "ImageNet", "50", "101"]
    assert [name.text for name in question.names] == ["ResNet", "ImageNet"]
    assert question.numbers == {"50", "101"}
    assert not question.negated
    assert question.subject == ""
    start, end = question.words[0].start, question.words[0].end
    assert "How many layers"[start:end] == "layers"


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Which does Adam use?", ("Adam",)),
        ("Adam uses which decay?", ()),  # a capital that begins a sentence says nothing
        ("NTM or Memory Networks?", ("NTM", "Memory", "Networks")),
        ("what is attention? Does Bert have it?", ("Bert",)),
        ("what is attention, and does Bert have it?", ("Bert",)),
        ("What Is A Markov Chain?", ()),  # set like a headline
        ("what does wgan improve", ()),
        ("vgg16 or YOLOv2?", ("vgg16", "YOLOv2")),
        ("is 1x1 or 3x3 cheaper when it is 4x wider?", ()),  # written in many ways
        ("Is it I or me?", ()),
    ],
)
def test_names_are_known_by_their_letters(question, names):
    assert tuple(name.text for name in asked(question).names) == names


@pytest.mark.parametrize(
    ("question", "subject"),
    [
        ("What is a Markov chain?", "Markov chain"),
        ("what are deep sets", "deep sets"),
        ("What’s batch-norm?", "batch-norm"),
        ("Define entropy.", "entropy"),
        ("Explain what a hash table is", "hash table"),
        ("What is the use of the second derivative in the method of Newton?", ""),
        ("What is a bag of words?", "bag of words"),
        ("What is the point of convolution?", ""),
        ("What are the drawbacks of dropout?", ""),
        ("What is a net with skips?", ""),
        ("How is a Markov chain sampled?", ""),
        ("What does a Markov chain forget?", ""),
    ],
)
def test_what_is_to_be_defined(question, subject):
    assert asked(question).subject == subject


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("We train a ResNet50.", "How deep is ResNet-50?"),
        ("Transformers attend.", "Why does a Transformer attend?"),
        ("We mine hard examples online (Online Hard Example Mining).", "Why use OHEM?"),
        ("A recurrent net, or RNN.", "What do RNNs forget?"),
        ("It has 1,000 units.", "Why are 1000 units needed?"),
        ("Nothing is named.", "why is nothing named?"),
    ],
)
def test_a_text_has_what_a_question_names(text, question):
    assert has_all(text, asked(question))


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("We train on ImageNet.", "Is it trained on CIFAR?"),
        ("We train a ResNet-50.", "How deep is a ResNet with 101 layers?"),
        ("A car has a boot.", "What is read by AR models?"),  # too short to be looked for inside of words
        ("It has 30 layers.", "How are 3 layers joined?"),
    ],
)
def test_a_text_lacks_what_a_question_names(text, question):
    assert not has_all(text, asked(question))


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("The gradient vanishes.", "Why does the gradient not vanish?"),
        ("Melatonin raises the pressure.", "What lowers the pressure?"),
        ("The final layer is linear, the upper ones are wide.", "How wide are the lower layers?"),
        ("It was proposed in 1801.", "Who proposed it in 1825?"),
        ("There he studied with Turing.", "When did he study with Gödel?"),
        ("The step is unstable.", "When is the step stable?"),
        ("It counts the test set.", "How large is the training set?"),
    ],
)
def test_a_sentence_turns_the_question_round(sentence, question):
    assert contradiction(sentence, asked(question)) > 0


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("The gradient doesn’t vanish.", "Why does the gradient not vanish?"),
        ("It raises or lowers the pressure.", "What lowers the pressure?"),
        ("It was proposed early.", "Who proposed it in 1825?"),  # no other number
        ("There he studied.", "When did he study with Gödel?"),  # no other name
        ("In 1801 and 1825 it was proposed.", "Who proposed it in 1825?"),
        ("The gradient does not vanish.", "Why does the gradient vanish?"),  # what a sentence denies may well answer
    ],
)
def test_a_sentence_goes_along_with_the_question(sentence, question):
    assert contradiction(sentence, asked(question)) == 0


def test_a_contradiction_weighs_what_is_said_beside_it():
    question = asked("When did the modest logician study with Gödel?")
    assert contradiction("With Turing he went on a study.", question) == 0.25  # of modest, logician, study and Gödel
    assert contradiction("The modest logician studied with Turing.", question) == 0.75
    assert contradiction("The modest logician studied with Turing.", question, context="Kurt Gödel") == 0


def test_definitions():
    assert defines("A Markov chain is a sequence.", "", "Markov chain")
    assert defines("Markov chains (Markov, 1906) are sequences.", "", "Markov chain")
    assert defines("- dropout: units are left out", "", "dropout")
    assert defines("Each state follows from the last.", "2.1 Markov Chain", "Markov chain")
    assert not defines("We sample with a Markov chain of 100 steps.", "Sampling", "Markov chain")


def test_numbers_stand_alone():
    assert numbers("B0 has 5.3 M weights in 1,000 layers; v2 has 16x16.") == {"5.3", "1000"}


def test_a_long_question_is_read_in_time_in_proportion_to_it():
    begun = time.process_time()
    assert asked("What is x" + " " * 40_000 + "!").subject == ""
    assert asked("What is Bayes 's rule ?").subject == ""
    assert asked("What is dropout's  ?").subject == "dropout"
    assert time.process_time() - begun < 1


@given(st.text(max_size=60), st.text(max_size=120))
def test_any_text_can_be_read(question, text):
    read = asked(question)
    assert all(question[word.start : word.end] == word.text for word in read.words)
    assert has_all(f"{text}\n{question}", read) or read.names
    assert 0 <= contradiction(text, read, context=question) <= 1
    assert defines(text, question, read.subject) or not read.subject or read.subject not in question


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
@example("0.0A")
def test_a_question_has_everything_that_it_names_itself(question):
    assert has_all(question, asked(question))
    assert contradiction(question, asked(question)) == 0


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("Transformer (4 layers) 92.7", 1.0),
        ("Transformer (2 layers) 4.1", 0.5),
        ("4 of them", 0.5),
        ("none", 0.0),
    ],
)
def test_particulars_are_the_names_and_numbers_of_a_question(text, share):
    assert particulars(text, asked("score of the 4-layer Transformer on it")) == share
    assert particulars(text, asked("what is it")) == 0
