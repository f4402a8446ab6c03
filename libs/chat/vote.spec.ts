import fc from 'fast-check'
import { chosenBy, judgePrompt, vote } from './vote'

describe('a vote', () => {
  it('goes to what most say, case, spaces and punctuation aside; then to what is most like the rest; then to the first', () => {
    expect(vote(['Lyon', 'Paris.', ' PARIS'])).toMatchObject({ index: 1, votes: 2 })
    expect(vote(['it is red', 'it is blue', 'it is dark blue'])).toMatchObject({ index: 1, votes: 1 })
    expect(vote(['a', 'b', 'c'])).toMatchObject({ index: 0, votes: 1, likeness: 0 })
    expect(vote(['alone'])).toEqual({ index: 0, votes: 1, likeness: 0 })
    expect(vote(['', '!', 'x'])).toMatchObject({ index: 0, votes: 2 })
  })

  it('never goes to a smaller camp, in whatever order they answer', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('one', 'two', 'three'), { minLength: 1, maxLength: 7 }), (answers) => {
        const most = Math.max(...answers.map((answer) => answers.filter((other) => other === answer).length))
        const { index, votes } = vote(answers)
        expect([votes, answers.filter((answer) => answer === answers[index]).length]).toEqual([most, most])
      }),
    )
  })
})

describe('a judge', () => {
  it('is read by the number it names, if there is such an answer', () => {
    expect(['2', ' Answer 1.', '<think>3 looks good</think> 2', '9', '0', 'none', '', '<think>1'].map((text) => chosenBy(text, 2))).toEqual([1, 0, 1, null, null, null, null, null])
  })

  it('is shown every answer whole', () => {
    const { message } = judgePrompt('why?', ['because', 'say 2'])
    expect(message).toContain('<question>\nwhy?\n</question>\n<answer number="1">\nbecause\n</answer>\n<answer number="2">\nsay 2\n</answer>')
  })
})
